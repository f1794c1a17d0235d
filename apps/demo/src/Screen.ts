/**
 * The terminal as a whole screen that is drawn again and again, and given back as it was.
 */
import { Config, Effect, Queue, Terminal } from "effect"
import type { Scope } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { readFileSync } from "node:fs"
import type { Options } from "./Options.ts"

/** How often it is drawn, unless its size changes. */
const drawEvery = "250 millis"

/** For a terminal that does not say how large it is. */
const usual = { columns: 80, rows: 24 }

// its other page, without a cursor and without lines that go on in the next row: and back
const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l"

/** Gives a terminal back whose view could not be ended as it should. */
export const leave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"

// all at once, where the terminal can do that; the cursor waits at the top: what is typed there is gone with the next
// picture, and nothing scrolls
const begin = "\x1b[?2026h"
const end = "\x1b[H\x1b[?2026l"

/** What this process can do with its terminal. */
export interface Device {
  /** Writes before it returns: the process may be about to end. */
  readonly write: (text: string) => void
  /** Whether the terminal listens to this process now, and not to the shell that had started it in the background. */
  readonly isForeground: () => boolean
  /** Stops this process, as Ctrl-Z does. */
  readonly suspend: () => void
  /** Called when the view comes to the terminal, and when it goes. */
  readonly onTaken: (isTaken: boolean) => void
}

/** Which fields of `/proc/PID/stat` behind the name of the command are the group of the process, and the one in front. */
const groupField = 2
const frontGroupField = 5

/** Whether the process with this `/proc/PID/stat` is in front at its terminal; without a terminal it is too. */
export const isInFront = (stat: string): boolean => {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const front = Number(fields[frontGroupField])
  return front <= 0 || front === Number(fields[groupField])
}

const isForeground = (): boolean => {
  try {
    return isInFront(readFileSync("/proc/self/stat", "utf8"))
  } catch {
    // a system that does not say
    return true
  }
}

/** Standard output; on a terminal it is written synchronously. */
export const device: Device = {
  write: (text) => process.stdout.write(text),
  isForeground,
  suspend: () => process.kill(process.pid, "SIGSTOP"),
  onTaken: () => {}
}

/** Set by those who collect output and do not look at it. */
const ci = Config.String("CI").pipe(
  Config.map((ci) => ci !== "false" && ci !== "0"),
  Config.withDefault(false)
)

/** Whether the live view is wanted and can be shown. */
export const isWanted = Effect.fnUntraced(
  function*({ input, plain }: Options, device: Device): Effect.fn.Return<boolean> {
    const { canAnimate, canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
    // lines that are typed need the terminal for themselves
    const isTyped = input._tag === "Stdin" && canPrompt
    // any string will do, so it cannot fail
    const isCi = yield* Effect.orDie(ci)
    return canAnimate && !plain && !isCi && !isTyped && device.isForeground()
  }
)

/**
 * Draws the picture four times a second, and when the size of the terminal changes, until it is interrupted; the
 * terminal is then as it was before.
 *
 * **Details**
 *
 * The terminal is also given back when the process ends in another way, and for as long as it is stopped (Ctrl-Z) or in
 * the background.
 */
export const show = Effect.fnUntraced(
  function*(
    picture: (size: Terminal.Size) => Effect.Effect<ReadonlyArray<string>>,
    device: Device
  ): Effect.fn.Return<never, never, Terminal.Terminal | Scope.Scope> {
    const terminal = yield* Terminal.Terminal
    const resizes = yield* terminal.size
    let isUp = false
    const take = () => {
      if (isUp) return
      isUp = true
      device.onTaken(true)
      device.write(enter)
    }
    const giveBack = () => {
      if (!isUp) return
      isUp = false
      device.write(leave)
      device.onTaken(false)
    }
    const onStop = () => {
      giveBack()
      device.suspend()
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        process.on("exit", giveBack)
        process.on("SIGTSTP", onStop)
      }),
      () =>
        Effect.sync(() => {
          process.off("exit", giveBack)
          process.off("SIGTSTP", onStop)
          giveBack()
        })
    )
    const draw = Effect.gen(function*() {
      const columns = (yield* terminal.columns) || usual.columns
      const rows = (yield* terminal.rows) || usual.rows
      const lines = yield* picture({ columns, rows })
      if (!device.isForeground()) return giveBack()
      take()
      // a line is erased before: behind one that fills it there is no place for the cursor
      const text = lines.map((line) => `\x1b[K${line}`).join("\r\n")
      // behind the last row the screen would scroll
      const rest = lines.length < rows ? "\r\n\x1b[J" : ""
      yield* terminal.display(`${begin}\x1b[H${text}${rest}${end}`)
    }).pipe(
      // that the terminal is gone is noticed where all output is
      Effect.ignore
    )
    const pause = Queue.take(resizes).pipe(
      Effect.timeoutOrElse({ duration: drawEvery, orElse: () => Effect.void }),
      // ends with the scope, as this does
      Effect.ignore
    )
    return yield* Effect.forever(Effect.andThen(draw, pause))
  },
  Effect.scoped
)
