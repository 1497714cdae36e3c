import { createHash } from "node:crypto"
import { stableText } from "./stable-text"

/** The same short text for the same content, and practically never for another. */
export const digest = (content: string | Buffer): string =>
  createHash("sha1").update(content).digest("base64url")

/** The same of a value, in whatever order its properties were written. */
export const digestOf = (value: unknown): string => digest(stableText(value) ?? "")
