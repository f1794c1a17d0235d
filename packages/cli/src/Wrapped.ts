/**
 * Text in lines that fit a terminal, behind labels.
 *
 * @since 0.1.0
 */

const width = 100
const indent = 18

/** Lines of at most `width`, cut at spaces. */
const wrap = (text: string): ReadonlyArray<string> => {
  const lines = [""]
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!
    if (last !== "" && last.length + 1 + word.length > width - indent) lines.push(word)
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`
  }
  return lines
}

/**
 * Texts one below the other, the first one behind a label.
 *
 * @category rendering
 * @since 0.1.0
 */
export const part = (label: string, texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.flatMap((text, n) =>
    wrap(text).map((line, i) => `${(n === 0 && i === 0 ? `  ${label}` : "").padEnd(indent)}${line}`)
  )
