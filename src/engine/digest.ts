import { createHash } from "node:crypto"

/** The same short text for the same content, and practically never for another. */
export const digest = (content: string | Buffer): string =>
  createHash("sha1").update(content).digest("base64url")
