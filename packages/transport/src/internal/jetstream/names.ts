/** Names of streams and consumers, made from names that may hold what JetStream does not allow in its own. */
import { createHash } from "node:crypto"

/** Longer ones are cut: file systems end at 255 bytes, and JetStream adds to a name. */
const maxLength = 180
const kept = 120

const utf8 = new TextEncoder()

const escaped = (character: string): string =>
  Array.from(utf8.encode(character), (byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")

/**
 * A token that no other name becomes: letters, digits and `-` stay, a dot becomes `_`, all else `=` and two hexadecimal
 * digits for each of its bytes. A long one keeps its beginning and gets its SHA-256.
 */
export const token = (name: string): string => {
  const whole = name.replaceAll(/[^A-Za-z0-9-]/gu, (character) => character === "." ? "_" : escaped(character))
  if (whole.length <= maxLength) return whole
  // `~` is in no other token
  return `${whole.slice(0, kept)}~${createHash("sha256").update(name).digest("hex").slice(0, 32)}`
}

/** What no name of a stream or consumer may hold. */
export const problemOf = (name: string): string | undefined => {
  if (name === "") return "it is empty"
  if (name.length > 255) return `it has ${name.length} characters, the limit is 255`
  return /[\s\p{Cc}.*>/\\]/u.test(name)
    ? "it contains white space, a control character or one of . * > / \\"
    : undefined
}
