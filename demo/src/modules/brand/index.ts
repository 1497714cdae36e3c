/** A module of the store's own, with a table that Medusa knows nothing of. */
import { Module } from "@medusajs/framework/utils"
import { BrandModuleService } from "./service"

export const brandModule = "brand"

export default Module(brandModule, { service: BrandModuleService })
