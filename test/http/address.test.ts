import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { addressOf } from "../../src/http/address"

const same = (one: string, other: string, defaults?: Record<string, string>) =>
  assert.deepEqual(addressOf(one, defaults), addressOf(other, defaults))
const differ = (one: string, other: string) => assert.notDeepEqual(addressOf(one), addressOf(other))

describe("the name of an answer", () => {
  it("is the same for parameters in any order and spelling", () => {
    same("/a?b=1&a=x%20y", "/a?a=x+y&b=1")
    same("/a?", "/a")
    same("/a?q=%C3%BC", "/a?q=ü")
  })

  it("is the same for fields in any order, unless one comes twice", () => {
    same("/a?fields=*b,%2Bc,a", "/a?fields=a,*b,%2Bc,")
    differ("/a?fields=%2Bc,-c", "/a?fields=-c,%2Bc")
    differ("/a?fields=-c,%2Bc.d", "/a?fields=%2Bc.d,-c")
  })

  it("leaves out what is taken for granted", () => {
    same("/a?limit=50&q=x", "/a?q=x", { limit: "50" })
    differ("/a?limit=20", "/a")
    assert.match(addressOf("/a?limit=50&limit=5", { limit: "50" })!.query, /limit=50/)
  })

  it("keeps the order of values that belong together", () => {
    differ("/a?id[]=1&id[]=2", "/a?id[]=2&id[]=1")
    differ("/a?id=1&id[]=2", "/a?id[]=2&id=1")
    differ("/a?at[$gte]=1&at.$lt=2", "/a?at.$lt=2&at[$gte]=1")
  })

  it("keeps apart what differs", () => {
    differ("/a?b=1%262", "/a?b=1&2=")
    differ("/a?b=1", "/A?b=1")
    differ("/a?b=", "/a?c=")
    differ("/a?b=%2B", "/a?b=+")
  })

  it("is none for what is not understood, or too long", () => {
    assert.equal(addressOf("/a?b=%zz"), undefined)
    assert.equal(addressOf("/a?q=%5D=z"), undefined)
    assert.equal(addressOf(`/a?${"&".repeat(1_000)}handle=x`), undefined)
    assert.equal(addressOf(`/a?q=${"x".repeat(5_000)}`), undefined)
  })
})
