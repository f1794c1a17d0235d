/** How values of a caller are shown in messages: quoted, and never at any length. */
import type { JsonValue } from "@bufbuild/protobuf"

/** Echoed values are cut at this many characters. */
const maxLength = 200

/** The text, or its beginning where it is longer than `length`. Halves of characters are mended: they cannot be sent. */
export const cut = (text: string, length: number = maxLength): string =>
  (text.length <= length ? text : `${text.slice(0, length)}…`).toWellFormed()

/** The text in double quotes, cut, with what cannot be seen made visible, and no password of an address. */
export const quote = (text: string): string => JSON.stringify(cut(withoutUserInfo(text)))

/** `nats://user:password@host` is refused by most that want an address, and is not to be shown for that. */
const withoutUserInfo = (text: string): string => {
  const from = text.indexOf("://")
  const to = text.lastIndexOf("@")
  return from < 0 || to < from ? text : `${text.slice(0, from + 3)}<redacted>${text.slice(to)}`
}

/** A JSON value as a caller would recognise it: scalars as they are, objects and arrays by their size. */
export const describe = (value: JsonValue): string => {
  if (typeof value === "string") return quote(value)
  if (Array.isArray(value)) return `an array of ${count(value.length, "item")}`
  if (value !== null && typeof value === "object") return `an object with ${count(Object.keys(value).length, "key")}`
  return String(value)
}

/** What kind of value it is, for values that must not be shown. */
export const kindOf = (value: JsonValue): string => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** "1 key", "2 keys". */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`
