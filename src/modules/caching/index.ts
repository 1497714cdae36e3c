import { Module, Modules } from "@medusajs/framework/utils"
import { CachingModuleService } from "../../medusa/caching-module"
import { nameEnvironment } from "../../medusa/name-environment"

export default Module(Modules.CACHING, { service: CachingModuleService, loaders: [nameEnvironment] })
