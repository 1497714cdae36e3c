import assert from "node:assert/strict"
import { describe, it } from "node:test"
import type { PegasusError } from "../../src/engine"
import { checkOptions } from "../../src/medusa/options"

const refused = (options: unknown, said: RegExp) =>
  assert.throws(
    () => checkOptions(options),
    (error: PegasusError) => error.code === "PEGASUS_OPTIONS_INVALID" && said.test(error.message),
  )

describe("the options of withPegasus", () => {
  it("may be left out, and are taken as they are", () => {
    assert.deepEqual(checkOptions({}), {})
    const all = {
      redisUrl: "rediss://u:p@host:6380/2",
      environment: "staging-1",
      ttl: 1,
      memory: { maxBytes: 2e6 },
    }
    assert.deepEqual(checkOptions(all), all)
    assert.deepEqual(checkOptions({ redisUrl: undefined }), { redisUrl: undefined })
  })

  it("name what is unknown, and what there is", () => {
    refused({ redisURL: "redis://localhost" }, /unknown option "redisURL".*Known options: redisUrl/s)
    refused({ memory: { maxBytes: 2e6, size: 1 } }, /unknown option "size"/)
  })

  it("name what is malformed", () => {
    for (const redisUrl of ["localhost:6379", "http://localhost", "redis://", "", 6379]) {
      refused({ redisUrl }, /"redisUrl"/)
    }
    refused({ ttl: 0 }, /"ttl"/)
    refused({ ttl: "1h" }, /"ttl"/)
    refused({ environment: "a:b" }, /"environment"/)
    refused({ memory: { maxBytes: 10 } }, /"memory.maxBytes"/)
    refused("redis://localhost", /withPegasus/)
  })
})
