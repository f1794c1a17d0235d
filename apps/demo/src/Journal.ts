/**
 * What the demo has said: it goes to the console at once, or is held back while the live view has the terminal.
 */
import { Clock, Console, Context, Effect, Layer } from "effect"
import type { Scope } from "effect"
import { format } from "node:util"
import { harmless } from "./Cells.ts"

/** How many lines are kept; longer ones are cut. */
const maxLines = 200

export interface Entry {
  /** The time of day: "12:03:04". */
  readonly at: string
  readonly text: string
}

export class Journal extends Context.Service<Journal, {
  /** The latest lines, the latest last. */
  readonly latest: () => ReadonlyArray<Entry>
  /** Holds all lines back until the scope closes; those that are still kept then go to the console with their time. */
  readonly hold: Effect.Effect<void, never, Scope.Scope>
}>()("demo/Journal") {}

interface Held extends Entry {
  /** Brings it to the console it was meant for. */
  readonly print: (text: string) => void
}

const make = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const outer = yield* Console.Console
  let entries: ReadonlyArray<Entry> = []
  let held: ReadonlyArray<Held> | undefined
  let heldEver = 0

  const say = (print: (text: string) => void) => (...values: ReadonlyArray<unknown>) => {
    const line = format(...values)
    const at = new Date(clock.currentTimeMillisUnsafe()).toTimeString().slice(0, 8)
    const entry = { at, text: harmless(line), print }
    entries = [...entries, entry].slice(-maxLines)
    if (held === undefined) return print(line)
    held = [...held, entry].slice(-maxLines)
    heldEver++
  }
  const release = () => {
    const lines = held ?? []
    if (heldEver > lines.length) outer.log(`${heldEver - lines.length} earlier lines are not kept`)
    held = undefined
    for (const { at, print, text } of lines) print(`${at} ${text}`)
  }
  const out = say((text) => outer.log(text))
  const err = say((text) => outer.error(text))
  const console: Console.Console = Object.assign(Object.create(outer), {
    log: out,
    info: out,
    debug: out,
    warn: err,
    error: err,
    trace: err
  })
  const journal = Journal.of({
    latest: () => entries,
    hold: Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        held = []
        heldEver = 0
      }),
      () => Effect.sync(release)
    ))
  })
  return Context.make(Journal, journal).pipe(Context.add(Console.Console, console))
})

/** The journal, and a console whose lines go through it. */
export const layer: Layer.Layer<Journal> = Layer.effectContext(make)
