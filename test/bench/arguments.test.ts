import assert from "node:assert/strict"
import { test } from "node:test"
import { parseArguments, UsageError } from "../../src/cli/arguments"

const parse = (line: string) => parseArguments(line.split(" ").filter(Boolean))

test("rows, load and all take their own options", () => {
  assert.deepEqual(parse("bench rows --store off=a.json --store pegasus=b.json --rounds 5 --warmup 0"), {
    command: "bench",
    rows: { rounds: 5, warmup: 0 },
    load: undefined,
    stores: [
      { label: "off", source: "a.json" },
      { label: "pegasus", source: "b.json" },
    ],
  })
  assert.deepEqual(parse("bench all --store off=a=b.json --connections 10 --requests 20 --json out.json"), {
    command: "bench",
    rows: {},
    load: { connections: 10, requests: 20 },
    stores: [{ label: "off", source: "a=b.json" }],
    json: "out.json",
  })
})

test("the doctor's --json is a flag", () => {
  assert.deepEqual(parse("doctor --json --html a.html --fail-on warning --try --write-migrations src/m"), {
    command: "doctor",
    mayTry: true,
    isJson: true,
    html: "a.html",
    migrations: "src/m",
    failOn: "warning",
    isPlan: false,
    headers: {},
  })
})

test("help and version ask for nothing else", () => {
  assert.deepEqual(parse(""), { command: "help" })
  assert.deepEqual(parse("bench --help"), { command: "help" })
  assert.deepEqual(parse("--version"), { command: "version" })
})

for (const [line, message] of [
  ["surgeon", /no command "surgeon"/],
  ["doctor --fail-on panic", /--fail-on is critical, warning, note, not "panic"/],
  ["doctor --url http://a", /--url has no meaning for doctor without --plan/],
  ["pgbouncer --pool none", /--pool is a whole number/],
  ["doctor all", /"all" has no meaning/],
  ["doctor --rounds 5", /--rounds/],
  ["explain", /needs the URL/],
  ["explain http://a --rate 5", /--rate has no meaning for explain/],
  ["warm http://a --header x", /--header is/],
  ["warm http://a --rate 0", /--rate is a whole number/],
  ["bench", /not ""/],
  ["bench sideways --store off=a.json", /not "sideways"/],
  ["bench rows", /at least one --store/],
  ["bench rows --store off", /LABEL=FILE_OR_JSON, not "off"/],
  ["bench rows --store off=a.json more", /"more" has no meaning/],
  ["bench rows --store off=a.json --speed 9", /--speed/],
  ["bench rows --store off=a.json --rounds 0", /--rounds is a whole number from 1 on/],
  ["bench rows --store off=a.json --rounds many", /not "many"/],
  ["bench rows --store off=a.json --requests 9", /--requests has no meaning for bench rows/],
  ["bench load --store off=a.json --rounds 9", /--rounds has no meaning for bench load/],
] as const) {
  test(`refused: pegasus ${line}`, () => {
    assert.throws(
      () => parse(line),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
    )
  })
}
