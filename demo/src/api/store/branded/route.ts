/** A route of the store's own: products with their brands, cached as Medusa's documentation shows. */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"

export async function GET(req: MedusaRequest, res: MedusaResponse): Promise<void> {
  const query = req.scope.resolve(ContainerRegistrationKeys.QUERY)
  const { data: products } = await query.graph(
    { entity: "product", fields: ["id", "brand.name"], filters: { status: "published" } },
    { cache: { enable: true } },
  )
  res.json({ products })
}
