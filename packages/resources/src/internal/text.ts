/** How values of a document are shown in messages: quoted, cut, and without the credentials of addresses. */

/** Echoed values are cut at this many characters. */
const maxLength = 200

/** The text, or its beginning, with `<redacted>` in the place of user and password of URLs. */
export const cut = (text: string, length: number = maxLength): string => {
  // First of all: of a URL that was cut before its "@" nothing shows that it had credentials.
  const masked = text.replaceAll(/:\/\/\S*@/g, "://<redacted>@")
  return (masked.length <= length ? masked : `${masked.slice(0, length)}…`).toWellFormed()
}

/** The text in double quotes, cut. */
export const quote = (text: string): string => JSON.stringify(cut(text))

/** "1 key", "2 keys". */
export const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`

/** A list for a sentence: quoted, at most 20 of them. */
export const list = (texts: Iterable<string>): string => {
  const all = [...texts]
  const more = all.length - 20
  return all.slice(0, 20).map(quote).join(", ") + (more > 0 ? ` and ${more} more` : "")
}

/** What kind of value it is. */
export const kindOf = (value: unknown): string => {
  if (value === undefined) return "none"
  if (value === null) return "null"
  if (Array.isArray(value)) return "an array"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

/** A value as its author would recognise it: scalars as they are, objects and arrays by their size. */
export const describe = (value: unknown): string => {
  if (typeof value === "string") return quote(value)
  if (Array.isArray(value)) return `an array of ${count(value.length, "item")}`
  if (typeof value === "object" && value !== null) return `an object with ${count(Object.keys(value).length, "key")}`
  if (value === undefined) return "none"
  return typeof value === "number" || typeof value === "boolean" || value === null ? String(value) : typeof value
}

/** Whether it is an object that is no array. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
