/**
 * An entry as bytes, as it lies in Redis. Format 1:
 *
 *   0      "P"
 *   1      format, 1
 *   2..5   length of the header, unsigned 32 bit, big endian
 *   6..    header, JSON: { fence, expiresAt, tags, dates }
 *   then   the value, JSON
 *
 * Bytes of another format, or that do not parse, are a miss: an upgrade never reads nonsense.
 */
import type { Entry } from "./entry"
import type { Fence } from "./ledger"
import { type DatePath, fromText, toText } from "./plain"

export const wireFormat = 1
const magic = 0x50
const prefixLength = 6

interface Header {
  fence: Fence
  expiresAt: number
  tags: readonly string[]
  dates: DatePath[]
}

export function encode(entry: Entry): Buffer {
  const { text, dates } = toText(entry.value)
  const header: Header = {
    fence: entry.fence,
    expiresAt: entry.expiresAt,
    tags: entry.tags,
    dates,
  }
  const head = JSON.stringify(header)
  const headLength = Buffer.byteLength(head)
  const bytes = Buffer.allocUnsafe(prefixLength + headLength + Buffer.byteLength(text))
  bytes[0] = magic
  bytes[1] = wireFormat
  bytes.writeUInt32BE(headLength, 2)
  bytes.write(head, prefixLength)
  bytes.write(text, prefixLength + headLength)
  return bytes
}

/** @returns the entry, or undefined when the bytes are not of this format */
export function decode(bytes: Buffer): Entry | undefined {
  if (bytes.length < prefixLength || bytes[0] !== magic || bytes[1] !== wireFormat) return undefined
  const bodyAt = prefixLength + bytes.readUInt32BE(2)
  if (bodyAt > bytes.length) return undefined
  try {
    const header = JSON.parse(bytes.toString("utf8", prefixLength, bodyAt)) as Header
    return {
      value: fromText(bytes.toString("utf8", bodyAt), header.dates),
      bytes: (bytes.length - bodyAt) * 2,
      tags: header.tags,
      fence: header.fence,
      expiresAt: header.expiresAt,
    }
  } catch {
    return undefined
  }
}
