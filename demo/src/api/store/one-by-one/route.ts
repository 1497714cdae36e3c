import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"

/** As a route should not be written: it asks once a product (the N+1 problem). For `pegasus trace` and `pegasus audit` to find. */
export async function GET(req: MedusaRequest, res: MedusaResponse): Promise<void> {
  const query = req.scope.resolve(ContainerRegistrationKeys.QUERY)
  const productModule = req.scope.resolve(Modules.PRODUCT)
  const { data } = await query.graph({ entity: "product", fields: ["id"], pagination: { take: 10 } })
  const products = []
  for (const { id } of data) {
    products.push(await productModule.retrieveProduct(id, { relations: ["variants"] }))
  }
  res.json({ products })
}
