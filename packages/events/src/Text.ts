/**
 * Text as it goes on the wire: its size in UTF-8, cut to one, and without credentials.
 *
 * @since 0.1.0
 */

/**
 * Size of a text in UTF-8, in bytes. Half of a surrogate pair counts as what it is sent as: U+FFFD.
 *
 * @category getters
 * @since 0.1.0
 */
export const byteLength = (text: string): number => {
  let total = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) continue
    total += unit < 0x800 ? 1 : 2
    // Two units, four bytes: the second adds nothing.
    if (isHigh(unit) && isLow(text.charCodeAt(index + 1))) index++
  }
  return total
}

/**
 * The text, or as much of its start as fits into `maxBytes` of UTF-8 together with an ellipsis.
 *
 * **Details**
 *
 * Never cuts a character in two, and replaces half surrogate pairs by U+FFFD. `maxBytes` is at least 3.
 *
 * @category combinators
 * @since 0.1.0
 */
export const cut = (text: string, maxBytes: number): string => {
  // A unit has three bytes at most: short texts are not measured, and long ones only as far as they are kept.
  if (text.length * 3 <= maxBytes) return text.toWellFormed()
  const head = text.slice(0, maxBytes + 1).toWellFormed()
  if (text.length <= maxBytes && byteLength(head) <= maxBytes) return head
  let bytes = 0
  let index = 0
  for (const character of head) {
    bytes += byteLength(character)
    if (bytes > maxBytes - ellipsisBytes) break
    index += character.length
  }
  return `${head.slice(0, index)}…`
}

/**
 * The text with `<redacted>` in the place of user and password in everything that looks like a URL: events are for everybody
 * to read, and the errors of libraries like to name the address.
 *
 * @category combinators
 * @since 0.1.0
 */
export const mask = (text: string): string => {
  if (!text.includes("://") || !text.includes("@")) return text
  let masked = ""
  let from = 0
  for (let at = text.indexOf("://"); at !== -1; at = text.indexOf("://", from)) {
    const start = at + 3
    // To the next white space: a password that nobody has encoded may hold anything else.
    whiteSpace.lastIndex = start
    const end = whiteSpace.exec(text)?.index ?? text.length
    const address = text.slice(start, end)
    const userInfo = address.lastIndexOf("@")
    masked += text.slice(from, start) + (userInfo === -1 ? address : `<redacted>${address.slice(userInfo)}`)
    from = end
  }
  return masked + text.slice(from)
}

const whiteSpace = /\s/g

const ellipsisBytes = 3
const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff
