/**
 * The store itself: its currencies, the two sales channels and the publishable API key of each.
 *
 * Medusa creates a store with one channel and one key the first time it starts; these become the web shop's.
 */
import {
  createApiKeysWorkflow,
  createSalesChannelsWorkflow,
  linkSalesChannelsToApiKeyWorkflow,
  updateApiKeysWorkflow,
  updateSalesChannelsWorkflow,
  updateStoresWorkflow,
} from "@medusajs/core-flows"
import type { ApiKeyDTO, MedusaContainer, SalesChannelDTO } from "@medusajs/framework/types"
import { ApiKeyType, Modules } from "@medusajs/framework/utils"
import { ensure } from "./ensure"

const channelNames = ["Web shop", "Wholesale"] as const
const currencies = ["eur", "usd"]

export interface Shop {
  storeId: string
  webShop: { channelId: string; key: string }
  wholesale: { channelId: string; key: string }
}

export async function seedStore(container: MedusaContainer): Promise<Shop> {
  const [store] = await container
    .resolve(Modules.STORE)
    .listStores({}, { relations: ["supported_currencies"], take: 1 })
  if (!store) throw new Error("seed: Medusa has not created its store")

  const supported = store.supported_currencies?.map((currency) => currency.currency_code) ?? []
  if (currencies.some((code) => !supported.includes(code))) {
    await updateStoresWorkflow(container).run({
      input: {
        selector: { id: store.id },
        update: {
          name: "Pegasus Demo Store",
          supported_currencies: currencies.map((currency_code) => ({
            currency_code,
            is_default: currency_code === "eur",
            is_tax_inclusive: false,
          })),
        },
      },
    })
  }

  const channels = await seedChannels(container, store.default_sales_channel_id ?? null)
  const keys = await seedKeys(container)
  const channelWithKey = async (name: string) => {
    const channelId = channels.get(name).id
    const { id, token } = keys.get(name)
    await linkSalesChannelsToApiKeyWorkflow(container).run({ input: { id, add: [channelId] } })
    return { channelId, key: token }
  }
  return {
    storeId: store.id,
    webShop: await channelWithKey("Web shop"),
    wholesale: await channelWithKey("Wholesale"),
  }
}

async function seedChannels(container: MedusaContainer, defaultChannelId: string | null) {
  const found = await container.resolve(Modules.SALES_CHANNEL).listSalesChannels({})
  const given = found.find((channel) => channel.id === defaultChannelId)
  if (given && !found.some((channel) => channel.name === "Web shop")) {
    given.name = "Web shop"
    await updateSalesChannelsWorkflow(container).run({
      input: {
        selector: { id: given.id },
        update: { name: given.name, description: "All published products" },
      },
    })
  }
  return ensure<string, SalesChannelDTO>({
    wanted: channelNames,
    wantedKey: (name) => name,
    found,
    foundKey: (channel) => channel.name,
    create: async (names) => {
      const salesChannelsData = names.map((name) => ({ name, description: "For resellers" }))
      return (await createSalesChannelsWorkflow(container).run({ input: { salesChannelsData } })).result
    },
  })
}

async function seedKeys(container: MedusaContainer) {
  const found = await container.resolve(Modules.API_KEY).listApiKeys({ type: ApiKeyType.PUBLISHABLE })
  const given = found.find((key) => key.title === "Default Publishable API Key")
  if (given && !found.some((key) => key.title === "Web shop")) {
    given.title = "Web shop"
    await updateApiKeysWorkflow(container).run({
      input: { selector: { id: given.id }, update: { title: given.title } },
    })
  }
  return ensure<string, ApiKeyDTO>({
    wanted: channelNames,
    wantedKey: (title) => title,
    found,
    foundKey: (key) => key.title,
    create: async (titles) => {
      const api_keys = titles.map((title) => ({ title, type: ApiKeyType.PUBLISHABLE, created_by: "" }))
      return (await createApiKeysWorkflow(container).run({ input: { api_keys } })).result
    },
  })
}
