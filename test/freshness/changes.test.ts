/**
 * Every kind of change, in two real stores with Pegasus, held against one that caches nothing: the next read through the
 * process that made it, and a read at most 100 ms later through any other, tell what is true.
 */
import assert from "node:assert/strict"
import { after, before, describe, it } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { changesOf, findThings } from "./changes"
import { openScene, type Scene } from "./scene"

/** How long the news of a change may be on its way to another process, in milliseconds. */
const bound = 100

describe("every kind of change", () => {
  let scene: Scene
  before(async () => {
    scene = await openScene("pegasus")
  })
  after(() => scene?.close())

  it("is seen in the next read, and by others within 100 ms", async (test) => {
    for (const { name, view, make, isRaw } of changesOf(await findThings(scene))) {
      await test.test(name, async () => {
        const { first, second, truth } = scene
        const before = await view(truth)
        for (const store of [first, second]) {
          for (let time = 0; time < 2; time++)
            assert.deepEqual(await view(store), before, "before the change")
        }
        const at = await make(scene)
        const acknowledged = Date.now()
        if (typeof at === "number") await sleep(at - Date.now())
        if (isRaw) await sleep(bound)
        const mine = await view(first)
        if (Date.now() - acknowledged < bound) await sleep(bound)
        const others = await view(second)
        const now = await view(truth)
        assert.notDeepEqual(now, before, "the change shows")
        assert.deepEqual(mine, now, "in the process that made it")
        assert.deepEqual(others, now, "in another process")
      })
    }
  })
})
