/**
 * The record of a complete seed, kept in the store's metadata under "pegasus_demo": all that whoever runs the
 * demo needs to know, to be read with one select on the table "store".
 */
import { updateStoresWorkflow } from "@medusajs/core-flows"
import type { MedusaContainer } from "@medusajs/framework/types"
import { Modules } from "@medusajs/framework/utils"

export const recordVersion = 1

export interface DemoRecord {
  version: number
  products: number
  publishableKey: string
  wholesaleKey: string
  salesChannelId: string
  regionId: string
  regions: { id: string; name: string; currency: string; countries: string[] }[]
  promotionCode: string
  adminEmail: string
  adminPassword: string
  hotProducts: string[]
}

export async function readRecord(container: MedusaContainer): Promise<DemoRecord | undefined> {
  const [store] = await container.resolve(Modules.STORE).listStores({}, { take: 1 })
  return store?.metadata?.pegasus_demo as DemoRecord | undefined
}

export async function writeRecord(
  container: MedusaContainer,
  storeId: string,
  record: DemoRecord,
): Promise<void> {
  await updateStoresWorkflow(container).run({
    input: { selector: { id: storeId }, update: { metadata: { pegasus_demo: record } } },
  })
}
