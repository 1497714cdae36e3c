import { Module, Modules } from "@medusajs/framework/utils"
import { CachingModuleService } from "../../medusa/caching-module"

export default Module(Modules.CACHING, { service: CachingModuleService })
