/**
 * What a workflow takes of a step's answer (`cart.items`) is found when it runs. Medusa copies the whole answer for it, and takes the field; who gets it
 * gets another copy. Here the field is taken where it is.
 *
 * The seam: `proxify` (workflows-sdk/dist/utils/composer/helpers/proxy.js:5, 2.21.2), which makes what stands for an answer while a workflow is put
 * together, and `transform` (composer/transform.js:6), which it asks for what stands for a field.
 */
import { OrchestrationUtils } from "@medusajs/framework/utils"
import { isLeftOut } from "./cheap-copies"
import { moduleOf } from "./query-package"
import {
  andThen,
  type Context,
  finders,
  isPlain,
  isTemplate,
  meantBy,
  type Reference,
} from "./resolved-values"

type Proxify = (target: Reference) => Reference
type Transform = (values: object, take: (data: { target?: Fields | null }) => unknown) => Required<Reference>
type Fields = Record<string | symbol, unknown>

const { SymbolInputReference, SymbolWorkflowStep } = OrchestrationUtils

let picking: Proxify | undefined

export const proxyModule = () =>
  moduleOf<{ proxify?: Proxify }>("workflows-sdk", "utils/composer/helpers/proxy")

/**
 * To be called before workflows are put together, and again to know whether it was.
 * @returns false when it is not as expected, and nothing was changed
 */
export function pickFields(): boolean {
  const proxy = proxyModule()
  if (picking && proxy?.proxify === picking) return true
  const composer = moduleOf<{ transform?: Transform }>("workflows-sdk", "utils/composer/transform")
  if (proxy?.proxify?.length !== 1 || typeof composer?.transform !== "function") return false
  const fieldOf = (target: Reference, name: string | symbol) => {
    const field = composer.transform!({ target }, (data) => data.target?.[name])
    // What a function made may hold what stands for something else.
    if (!isGiven(target)) return field
    const copy = field.__resolver
    const find = (context: Context) =>
      andThen(meantBy(target, context), (meant) => (isUsual(meant, name) ? meant?.[name] : copy(context)))
    field.__resolver = async (context) => find(context)
    finders.set(field.__resolver, find)
    return field
  }
  const get = (target: Reference, name: string | symbol) =>
    name in target ? (target as Fields)[name] : fieldOf(target, name)
  picking = (target) => new Proxy(target, { get })
  proxy.proxify = picking
  return true
}

/** Whether it stands for what the workflow or a step was given or gave, or for a field of that. */
const isGiven = ({ __type, __resolver }: Reference) =>
  __type === SymbolInputReference ||
  __type === SymbolWorkflowStep ||
  (__resolver !== undefined && finders.has(__resolver))

/** Whether a copy of the field is what it is in a copy of the whole. */
function isUsual(value: unknown, name: string | symbol): value is Fields | null | undefined {
  if (value === null || value === undefined) return true
  // Medusa takes a pair for something else, and resolves what stands for something else.
  if (!isPlain(value) || "key" in value || isTemplate(value)) return false
  if (!Object.prototype.propertyIsEnumerable.call(value, name)) return !(name in value)
  return !isLeftOut((value as Fields)[name])
}
