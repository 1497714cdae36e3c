/**
 * The one line of adoption. It runs while medusa-config is read, before anything of Medusa is loaded, so it
 * imports nothing of Medusa and only rewrites the configuration:
 *
 * 1. the feature flag `caching` goes on (medusa/dist/feature-flags/caching.js, 2.21.2);
 * 2. Medusa's Caching Module is replaced by ours under the same key (utils/dist/common/define-config.js);
 * 3. the plugin is added, so that Medusa finds our other parts.
 */
import { PegasusError } from "../engine"
import { checkOptions, type PegasusOptions } from "./options"
import { checkMedusaVersion, findMedusaVersion } from "./version"

const plugin = "medusa-pegasus"
const cachingModule = `${plugin}/.medusa/server/src/modules/caching`

/** What `withPegasus` needs to know of a Medusa configuration, as `defineConfig` makes it. */
interface MedusaConfig {
  featureFlags?: Record<string, unknown>
  modules?: Record<string, unknown>
  plugins?: unknown[]
}

/** What our caching module is given. */
export interface CachingModuleOptions {
  pegasus: PegasusOptions
  /** Ids by which cache calls may name a provider; the first is the default. */
  providerIds: string[]
  /** The default of the module we replace: another name for our default. */
  replacedDefault?: string | undefined
  /** To be logged once, when there is a logger. */
  warning?: string | undefined
}

/**
 * @param config what `defineConfig` returned
 * @returns the same configuration with Pegasus as its cache
 * @throws PegasusError PEGASUS_OPTIONS_INVALID, PEGASUS_CONFIG_INVALID, PEGASUS_MEDUSA_TOO_OLD,
 * PEGASUS_MEDUSA_NOT_FOUND
 */
export function withPegasus<Config extends object>(config: Config, options: PegasusOptions = {}): Config {
  const pegasus = checkOptions(options)
  const warning = checkMedusaVersion(findMedusaVersion(process.cwd()))
  const { featureFlags, modules, plugins } = asMedusaConfig(config)
  const caching: CachingModuleOptions = {
    pegasus,
    ...providersOf(modules.caching),
    warning,
  }
  return {
    ...config,
    featureFlags: { ...featureFlags, caching: true },
    modules: { ...modules, caching: { resolve: cachingModule, options: caching } },
    plugins: [...plugins, { resolve: plugin, options: {} }],
  }
}

function asMedusaConfig(config: object): Required<MedusaConfig> {
  const { featureFlags = {}, modules, plugins = [] } = config as MedusaConfig
  if (modules === undefined || Array.isArray(modules)) {
    throw new PegasusError(
      "PEGASUS_CONFIG_INVALID",
      "withPegasus was given a configuration that defineConfig has not seen.",
      "Write withPegasus(defineConfig({ … }), { … }).",
    )
  }
  return { featureFlags, modules, plugins }
}

/** The store's code may name the providers of the module we replace; those calls come to us. */
function providersOf(caching: unknown): Pick<CachingModuleOptions, "providerIds" | "replacedDefault"> {
  const { options } = (caching ?? {}) as { options?: { providers?: { id?: string; is_default?: boolean }[] } }
  const declared = (options?.providers ?? []).filter(({ id }) => typeof id === "string" && id !== "pegasus")
  const replaced = declared.length === 1 ? declared[0] : declared.find((provider) => provider.is_default)
  return { providerIds: ["pegasus", ...declared.map(({ id }) => id!)], replacedDefault: replaced?.id }
}
