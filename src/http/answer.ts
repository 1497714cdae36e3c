/**
 * An answer as it is kept: one run of bytes, so that neither keeping nor reading it copies the body.
 *
 *   0..3   length of the head, unsigned 32 bit, big endian
 *   4..    head, JSON
 *   then   the body, as it was rendered: not compressed
 */

/** Part of every name: another form is never read. */
export const answerFormat = 2

export interface AnswerHead {
  /** Names in lower case, as they were rendered; what depends on the connection or the request is not among them. */
  headers: [name: string, value: string][]
  /** Its own if it has a strong one, else of the body; without quotes (RFC 9110 §8.8.3). */
  etag: string
  /** What it says of itself to caches, where it does (lifetime.ts). */
  says: [name: string, value: string][]
  /** When it was rendered, in milliseconds since 1970, less the age that it had then. */
  madeAt: number
  /** Whether the answer is one for other origins too (the Fetch standard's CORS). */
  isCrossOrigin: boolean
  /** Names of the request's headers that shaped it beside those that always may. */
  vary: string[]
  /** For a CDN, by which a change purges it; undefined when they did not fit. */
  surrogateKeys?: string | undefined
}

export interface Answer extends AnswerHead {
  body: Buffer
}

export function encodeAnswer({ body, ...head }: Answer): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text, body])
}

export function decodeAnswer(bytes: Buffer): Answer {
  const bodyAt = 4 + bytes.readUInt32BE(0)
  const head = JSON.parse(bytes.toString("utf8", 4, bodyAt)) as AnswerHead
  return { ...head, body: bytes.subarray(bodyAt) }
}
