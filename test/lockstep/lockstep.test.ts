import assert from "node:assert/strict"
import { it } from "node:test"
import { lockstep } from "./run"

const seed = Number(process.env.PEGASUS_TEST_SEED ?? Date.now() % 1_000_000)

it(`a store with Pegasus answers shoppers as one that caches nothing (seed ${seed})`, {
  timeout: 300_000,
}, async () => {
  const { differences, requests } = await lockstep(seed, (shoppers) => shoppers >= 3)
  assert.deepEqual(differences, [])
  assert.ok(requests > 20, `${requests} requests`)
})
