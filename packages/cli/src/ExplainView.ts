/**
 * What streams promise, for people to read.
 *
 * @since 0.1.0
 */
import type { Explained } from "./Guarantees.ts"
import { printable } from "./Output.ts"

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

const part = (label: string, texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.flatMap((text, n) =>
    wrap(text).map((line, i) => `${(n === 0 && i === 0 ? `  ${label}` : "").padEnd(indent)}${line}`)
  )

const orNothing = (texts: ReadonlyArray<string>) => texts.length === 0 ? ["nothing"] : texts

/**
 * One block for each stream: what it promises, why, what can be lost, what can come twice, and what would raise it.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = (streams: ReadonlyArray<Explained>): string =>
  streams.length === 0
    ? "no streams: the connector runs none"
    : streams.map(({ direction, guarantee, id, state }) => {
      const name = `${id} (${direction.toLowerCase()})`
      if (guarantee === undefined) return `${name}: promises nothing now, its state is ${state}`
      const { because, duplicates, level, losses, order, raise } = guarantee
      return [
        `${name}: ${level.replaceAll("-", " ")}`,
        ...part("because", [because]),
        ...part("can be lost", orNothing(losses.map(({ what }) => what))),
        ...part("can come twice", orNothing(duplicates.map(({ what }) => what))),
        ...part("order", [order]),
        ...part("raised by", orNothing(raise))
      ].join("\n")
    }).map((block) => block.split("\n").map(printable).join("\n")).join("\n\n")
