/** The harness's own connector as what is under it: both of its ends are books in folders. */
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Ends, Subject } from "../bed/Subject.ts"
import * as Book from "./Book.ts"

const highest = (spans: ReadonlyArray<Book.Span>): number => spans.reduce((most, { to }) => Math.max(most, to), 0)

/** `program` is `roles/connector.ts`, made one file. */
export const make = (program: string): Subject => ({
  program,
  portOf: (line) => {
    const [, digits] = /^ready (\d+)$/u.exec(line) ?? []
    return digits === undefined ? undefined : Number(digits)
  },
  ends: Effect.fnUntraced(function*({ count, mutant, perSecond, promised }) {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-soak-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    const [source, sink] = [join(folder, "source"), join(folder, "sink")]
    for (const one of [source, sink]) mkdirSync(one)
    const isExact = promised === "effectively-once"
    // a sink that knows what it has: what comes again under its id is nothing new
    const delivered = isExact ? Book.deliveredOnce : Book.delivered
    return {
      env: { MUTANT: mutant },
      source: { folder: source, source: isExact ? "log" : "spool", count, per_second: perSecond },
      sink: { folder: sink },
      begin: Effect.void,
      heard: () => {},
      progress: () => highest(Book.given(source)),
      giver: () => Book.given(source).at(-1)?.by,
      known: (last) => isExact ? last : highest(Book.acknowledged(source)),
      acknowledged: () =>
        new Set(
          Book.acknowledged(source).flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, n) => from + n))
        ),
      delivered: () => delivered(sink).map(({ number }) => number),
      look: Effect.void,
      check: () => Effect.succeed([]),
      outside: undefined
    } satisfies Ends
  })
})
