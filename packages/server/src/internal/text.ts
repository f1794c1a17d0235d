/** How values of a caller are shown in messages: quoted, and never at any length. */
import type { JsonValue } from "@bufbuild/protobuf"
import { Text } from "@kps/events"

/** Echoed values are cut at this many characters. */
const maxLength = 200

/**
 * The text, or its beginning where it is longer than `length`, without the credentials in its URLs. Halves of characters
 * are mended: they cannot be sent.
 */
export const cut = (text: string, length: number = maxLength): string => {
  // First of all: of a URL that was cut before its "@" nothing shows that it had credentials.
  const masked = Text.mask(text)
  return (masked.length <= length ? masked : `${masked.slice(0, length)}…`).toWellFormed()
}

/** The text in double quotes, cut, with what cannot be seen made visible. */
export const quote = (text: string): string => JSON.stringify(cut(text))

/**
 * A value without its credentials, if it is an address: all of it up to the last "@", whatever a password may hold. NATS
 * takes addresses without a scheme too.
 */
const maskValue = (value: string): string => {
  const scheme = value.indexOf("://")
  const from = scheme === -1 ? 0 : scheme + 3
  const to = value.lastIndexOf("@")
  const isAddress = scheme === -1 ? /^[^\s@/:]*:[^\s]*@/.test(value) : to > from
  return isAddress ? `${value.slice(0, from)}<redacted>${value.slice(to)}` : value
}

/** A JSON value as a caller would recognise it: scalars as they are, objects and arrays by their size. */
export const describe = (value: JsonValue): string => {
  if (typeof value === "string") return quote(maskValue(value))
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
