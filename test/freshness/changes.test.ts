/**
 * Every kind of change, in two real stores with Pegasus, one of them behind a proxy, held against one that caches nothing: the next read through the
 * process that made it, and a read at most 100 ms later through any other, tell what is true.
 */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { changesOf, findThings } from "./changes"
import { openScene, type Scene } from "./scene"
import { surveyOne } from "./survey"

describe("every kind of change", () => {
  let scene: Scene
  before(async () => {
    scene = await openScene("pegasus", "proxy")
  })
  after(() => scene?.close())

  it("is seen in the next read, and by others within 100 ms", async (test) => {
    for (const change of changesOf(await findThings(scene))) {
      await test.test(change.name, async () => {
        const { shows, stale, wasStale } = await surveyOne(scene, change)
        assert.ok(shows, "the change shows")
        assert.deepEqual(stale, [])
        assert.equal(wasStale, false, "before the change")
      })
    }
  })
})
