import assert from "node:assert/strict"
import { test } from "node:test"
import { showProgress } from "../../src/bench"

function output(isTTY: boolean, columns = 60) {
  const written: string[] = []
  return { written, isTTY, columns, write: (text: string) => written.push(text) > 0 }
}

test("on a terminal one line changes and is gone at the end", () => {
  const terminal = output(true)
  const { show, done } = showProgress(terminal)
  show({ text: "hot products · round 3 of 20 · a store with a long name", part: 0.5 })
  done()
  const [line, end] = terminal.written
  assert.ok(line!.startsWith(`\r\x1b[2K${"━".repeat(10)}${"─".repeat(10)}  50 %  hot`))
  assert.equal(line!.length, "\r\x1b[2K".length + 59)
  assert.equal(end, "\r\x1b[2K")
})

test("elsewhere a line is written every ten seconds", () => {
  const file = output(false)
  let now = 0
  const { show, done } = showProgress(file, () => now)
  for (const at of [0, 9_999, 10_000, 15_000]) {
    now = at
    show({ text: `at ${at}`, part: at / 20_000 })
  }
  done()
  assert.deepEqual(file.written, ["  0 %  at 0\n", " 50 %  at 10000\n"])
})
