/**
 * What a workflow takes of a step's answer (`cart.items`) is found when it runs. Medusa copies the whole answer for it, takes the field, and copies
 * that once more for whoever gets it. Here nothing but the field is copied, and nothing else need be such that it
 * can be.
 *
 * The seam: `proxify` (workflows-sdk/dist/utils/composer/helpers/proxy.js:5, 2.21.2), which makes what stands for an answer while a workflow is put
 * together, and `transform` (composer/transform.js:6), which it asks for what stands for a field.
 */
import { types } from "node:util"
import { OrchestrationUtils } from "@medusajs/framework/utils"
import { moduleOf } from "./query-package"
import { type Context, isPlain, isReference, meantBy, type Reference } from "./resolved-values"

type Proxify = (target: Reference) => Reference
type Transform = (values: object, take: (data: { target?: Fields | null }) => unknown) => unknown
type Fields = Record<string | symbol, unknown>

export const proxyModule = () =>
  moduleOf<{ proxify?: Proxify }>("workflows-sdk", "utils/composer/helpers/proxy")

/** @returns false when it is not as expected, and nothing was changed */
export function pickFields(): boolean {
  const proxy = proxyModule()
  const composer = moduleOf<{ transform?: Transform }>("workflows-sdk", "utils/composer/transform")
  if (!proxy || !composer || proxy.proxify?.length !== 1 || typeof composer.transform !== "function")
    return false
  const get = (target: Reference, name: string | symbol) =>
    name in target
      ? (target as Fields)[name]
      : composer.transform!({ target: fieldOf(target, name) }, (data) => data.target?.[name])
  proxy.proxify = (target) => new Proxy(target, { get })
  return true
}

/** Stands for what another stands for, with this field alone. */
const fieldOf = (target: Reference, name: string | symbol): Reference => ({
  __type: OrchestrationUtils.SymbolWorkflowStepTransformer,
  __resolver(context: Context) {
    const meant = meantBy(target, context)
    return meant instanceof Promise ? meant.then((value) => narrowed(value, name)) : narrowed(meant, name)
  },
})

/** What Medusa takes for something else, or waits for, it gets whole. */
function narrowed(value: unknown, name: string | symbol): unknown {
  if (!isPlain(value) || types.isProxy(value) || "key" in value) return value
  for (const other in value) if (isReference(value[other])) return value
  return Object.prototype.propertyIsEnumerable.call(value, name) ? { [name]: value[name as string] } : {}
}
