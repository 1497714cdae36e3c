import { MedusaService } from "@medusajs/framework/utils"
import { Brand } from "./models/brand"

export class BrandModuleService extends MedusaService({ Brand }) {}
