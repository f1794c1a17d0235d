import { createHash } from "node:crypto"

/** An id as one token of a subject: as it is, or its SHA-256 in hexadecimal where it has other than letters, digits, `-`, `_`. */
export const token = (id: string): string =>
  /^[A-Za-z0-9_-]{1,64}$/.test(id) ? id : createHash("sha256").update(id).digest("hex")
