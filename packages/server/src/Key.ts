/**
 * Keys of the shared state: `<kind>.<id>`, where an id may be any text.
 *
 * @since 0.1.0
 */
import { createHash } from "node:crypto"

/** Of one token: two of them, a kind and what else belongs to a subject stay far below NATS's 4 KiB of a line. */
const maxLength = 200

/**
 * Makes a key of a kind and ids.
 *
 * **Details**
 *
 * Of an id, letters, digits, `-` and `_` are kept, every other byte of its UTF-8 is `=` and two hexadecimal digits in
 * capitals; the empty one is `=`. One that is over 200 characters that way is `==` and its SHA-256 in small hexadecimal
 * digits, so that two ids never have one key. Ids cannot be had back from keys: values have them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (kind: string, ...ids: ReadonlyArray<string>): string => [kind, ...ids.map(token)].join(".")

/** What is kept as it is. */
const plain = /^[\w-]{1,200}$/

/**
 * One token of a key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const token = (id: string): string => {
  if (plain.test(id)) return id
  if (id === "") return "="
  const encoded = encodeURIComponent(id.toWellFormed())
    .replaceAll(/[!'()*.~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%", "=")
  return encoded.length > maxLength ? `==${createHash("sha256").update(id).digest("hex")}` : encoded
}
