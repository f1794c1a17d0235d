/**
 * Text in the cells of a terminal: made harmless, measured and cut.
 */

/** What is looked at of a text, however long it is; no terminal is that wide. */
const maxLength = 1_000

const ellipsis = "…"

/** East Asian wide and full-width characters; emoji are known by their property. */
const wideRanges: ReadonlyArray<readonly [number, number]> = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f265],
  [0x20000, 0x3fffd]
]

const picture = (character: string): string => {
  const code = character.codePointAt(0)!
  if (code < 0x20) return String.fromCodePoint(0x2400 + code)
  return code === 0x7f ? "␡" : "�"
}

/**
 * The text on one line, with nothing in it that a terminal would obey.
 *
 * **Details**
 *
 * Line breaks and tabs become a space; other control characters become their pictures (`␛`), and what has no
 * meaning becomes `�`; characters that show nothing but change others (direction, joiners, variation) are dropped, and so
 * are more than two accents on one letter.
 */
export const harmless = (text: string): string =>
  text.slice(0, maxLength)
    .replaceAll(/[\t-\r\u0085\u2028\u2029]+/gu, " ")
    .replaceAll(/[\p{Cf}\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu, "")
    .replaceAll(/\p{C}/gu, picture)
    .replaceAll(/(\p{M}{2})\p{M}+/gu, "$1")

const cellsOf = (character: string): number => {
  const code = character.codePointAt(0)!
  if (code < 0x300) return 1
  if (/[\p{Mn}\p{Me}]/u.test(character)) return 0
  if (wideRanges.some(([from, to]) => code >= from && code <= to)) return 2
  // a flag is two letters of one cell each
  return /\p{Emoji_Presentation}/u.test(character) && !/\p{Regional_Indicator}/u.test(character) ? 2 : 1
}

/** How many cells the text takes; it has to be harmless. */
export const width = (text: string): number => {
  let cells = 0
  for (const character of text) cells += cellsOf(character)
  return cells
}

/** The text, or as much of it as fits in so many cells, with an ellipsis where it was cut. */
export const fit = (text: string, cells: number): string => {
  if (width(text) <= cells) return text
  if (cells <= 0) return ""
  let left = cells - 1
  let kept = ""
  for (const character of text) {
    left -= cellsOf(character)
    if (left < 0) break
    kept += character
  }
  return kept + ellipsis
}

/** The text with spaces after it, so that it takes so many cells at least. */
export const pad = (text: string, cells: number): string => text + " ".repeat(Math.max(0, cells - width(text)))
