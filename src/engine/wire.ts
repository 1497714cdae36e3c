/**
 * An entry as bytes, as it lies in Redis. Format 2:
 *
 *   0      "P"
 *   1      format, 2
 *   2      how the rest is written: 0 as it is, 1 deflated
 *   3..6   length of the header, unsigned 32 bit, big endian
 *   7..    header, JSON: { fence, expiresAt, staleUntil, tags, dates }
 *   then   the value, JSON; bytes as they are, when the header says `isBytes`
 *
 * Format 1 deflated only the value; the header of a list may be as long as that.
 *
 * Bytes of another format, or that do not parse, are a miss: an upgrade never reads nonsense.
 */
import { promisify } from "node:util"
import { deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from "node:zlib"
import type { Entry } from "./entry"
import type { Fence } from "./ledger"
import { type DatePath, fromText, toText } from "./plain"

export const wireFormat = 2
const magic = 0x50
const prefixLength = 7
const asItIs = 0
const deflated = 1
/** From this many bytes on a value is deflated: half the memory and more, for 15 µs a read. */
export const compressFrom = 1_024
/** Up to this many bytes zlib is quicker than the way to node's thread pool and back. */
const quickUpTo = 65_536
/** Longer values are not written: nothing that Redis says can fill this process's memory. */
export const longestBody = 67_108_864

const deflateLong = promisify(deflateRaw)
const inflateLong = promisify(inflateRaw)
const atLevel = { level: 1 }
const limited = { maxOutputLength: longestBody }

const deflate = (plain: Buffer): Buffer | Promise<Buffer> =>
  plain.length > quickUpTo ? deflateLong(plain, atLevel) : deflateRawSync(plain, atLevel)

/** What was long is seldom short when deflated. */
const inflate = (body: Buffer): Buffer | Promise<Buffer> =>
  body.length > quickUpTo / 8 ? inflateLong(body, limited) : inflateRawSync(body, limited)

interface Header {
  fence: Fence
  expiresAt: number
  staleUntil: number
  tags: readonly string[]
  dates: DatePath[]
  isBytes?: true
}

/** @returns the entry's bytes, or undefined when it is too long to be written */
export async function encode(entry: Entry): Promise<Buffer | undefined> {
  const { value, fence, expiresAt, staleUntil, tags } = entry
  const isBytes = Buffer.isBuffer(value)
  const { text, dates } = isBytes ? { text: value, dates: [] } : toText(value)
  const header: Header = { fence, expiresAt, staleUntil, tags, dates, ...(isBytes ? { isBytes } : {}) }
  const head = Buffer.from(JSON.stringify(header))
  const plain = Buffer.concat([head, typeof text === "string" ? Buffer.from(text) : text])
  if (plain.length > longestBody) return undefined
  const small = plain.length < compressFrom
  const body = small ? plain : await deflate(plain)
  const prefix = Buffer.allocUnsafe(prefixLength)
  prefix[0] = magic
  prefix[1] = wireFormat
  prefix[2] = small ? asItIs : deflated
  prefix.writeUInt32BE(head.length, 3)
  return Buffer.concat([prefix, body])
}

/** What is known of an entry before its value is read. */
export type Head = Omit<Entry, "value" | "bytes">

/**
 * @param isWanted of no other entry the value is read, which is most of the work
 * @returns the entry, or undefined when it is not wanted, or the bytes are not of this format
 */
export async function decode(
  key: string,
  bytes: Buffer,
  isWanted: (head: Head) => boolean = () => true,
): Promise<Entry | undefined> {
  if (bytes.length < prefixLength || bytes[0] !== magic || bytes[1] !== wireFormat) return undefined
  if (bytes[2]! > deflated) return undefined
  try {
    const written = bytes.subarray(prefixLength)
    const plain = bytes[2] === deflated ? await inflate(written) : written
    const valueAt = bytes.readUInt32BE(3)
    if (valueAt > plain.length) return undefined
    const { dates, isBytes, ...rest } = JSON.parse(plain.toString("utf8", 0, valueAt)) as Header
    const head = { key, ...rest }
    if (!isWanted(head)) return undefined
    if (isBytes) {
      // Bytes of their own: those of a pool would keep all of it.
      const value = Buffer.from(plain.subarray(valueAt))
      return { ...head, value, bytes: value.length }
    }
    const value = fromText(plain.toString("utf8", valueAt), dates)
    return { ...head, value, bytes: (plain.length - valueAt) * 2 }
  } catch {
    return undefined
  }
}
