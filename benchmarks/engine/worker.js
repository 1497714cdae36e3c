/** One process of the cold key scenario. Arguments: whose cache, the URL of Redis. */
const { hour, medusaProvider, pegasus, sleep } = require("./lib")

const readers = 200

async function main(kind, url) {
  const read = kind === "pegasus" ? await ours(url) : await theirs(url)
  process.on("message", async ({ key }) => {
    let loads = 0
    const load = async () => {
      loads++
      await sleep(50)
      return `value of ${key}`
    }
    const values = await Promise.all(Array.from({ length: readers }, () => read(key, load)))
    process.send({ loads, values: [...new Set(values)] })
  })
  process.send("ready")
}

async function ours(url) {
  const cache = await pegasus({ url })
  return (key, load) => cache.getOrSet({ key, ttl: hour, tags: ["cold"], load })
}

/** What Medusa's `useCache` does: get, else load and set. */
async function theirs(url) {
  const { provider } = await medusaProvider(url)
  return async (key, load) => {
    const found = await provider.get({ key })
    if (found !== null) return found
    const value = await load()
    await provider.set({ key, data: value, ttl: 3_600, tags: ["cold"] })
    return value
  }
}

main(process.argv[2], process.argv[3])
