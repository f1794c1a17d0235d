/** Texts in YAML, of which JSON is a part, with one or several documents. */
import * as Result from "effect/Result"
import { type Document, isScalar, LineCounter, parseAllDocuments } from "yaml"
import type { Keys } from "../Violation.ts"

/** A document as it was read, or why it cannot be. */
export interface Read {
  readonly value: Result.Result<unknown, ReadonlyArray<{ readonly message: string; readonly line: number }>>
  /** The line, from 1, of a value, or of the nearest around it that is there. */
  readonly lineOf: (keys: Keys) => number
}

/** All documents of a text but those that are empty, such as between two separators. */
export const read = (text: string): ReadonlyArray<Read> => {
  const lines = new LineCounter()
  return parseAllDocuments(text, { lineCounter: lines, prettyErrors: false })
    .filter(({ contents, errors }) =>
      errors.length > 0 || !(contents === null || (isScalar(contents) && contents.value === null))
    )
    .map((document) => {
      const lineOf = (keys: Keys) => lineIn(document, keys, lines)
      const errors = document.errors.map(({ message, pos }) => ({
        message: message.trimEnd(),
        line: lines.linePos(pos[0]).line
      }))
      // of aliases that would make too much of it
      const value = errors.length > 0
        ? Result.fail(errors)
        : Result.try({
          try: (): unknown => document.toJS(),
          catch: (cause) => [{ message: cause instanceof Error ? cause.message : String(cause), line: lineOf([]) }]
        })
      return { value, lineOf }
    })
}

const lineIn = (document: Document, keys: Keys, lines: LineCounter): number => {
  for (let depth = keys.length; depth >= 0; depth--) {
    const node = depth === 0 ? document.contents : document.getIn(keys.slice(0, depth), true)
    const range = typeof node === "object" && node !== null && "range" in node ? node.range : undefined
    if (Array.isArray(range)) return lines.linePos(Number(range[0])).line
  }
  return 1
}
