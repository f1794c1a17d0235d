/**
 * A connector that is started, told to stop and killed by the suite.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Command from "./Command.ts"
import { BedFailed, cut } from "./Outcome.ts"
import * as ProcessTable from "./ProcessTable.ts"
import type { Process } from "./Subject.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What `sh -c` starts. */
  readonly command: string
  readonly env: Readonly<Record<string, string>>
  /** Whether it serves. */
  readonly ready: Effect.Effect<boolean>
}

const startWithin = "30 seconds"
const maxOutput = 16 << 20

/**
 * Makes the process, which does not run yet. Closing the scope kills it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  { command, env, ready }: Options
): Effect.fn.Return<Process, never, Scope.Scope> {
  let current: Command.Running | undefined
  let output = ""

  const launched = (more: Parameters<Process["launchWith"]>[0]) => {
    const running = Command.launch(command, { ...env, ...more }, ["ignore", "pipe", "pipe"])
    const take = (text: string) => {
      output = `${output}${text}`.slice(-maxOutput)
    }
    running.child.stdout?.setEncoding("utf8").on("data", take)
    running.child.stderr?.setEncoding("utf8").on("data", take)
    current = running
  }
  const launch = Effect.sync(() => launched({}))
  const failed = (got: string) =>
    Effect.suspend(() =>
      Effect.fail(
        new BedFailed({
          problem: `command ${JSON.stringify(command)}: want a connector that serves, got ${got}: ${
            output.trim() === "" ? "it said nothing" : cut(output.slice(-400))
          }`
        })
      )
    )
  const exit = Effect.suspend(() => current === undefined ? Effect.succeed("not started") : current.exit)
  const end = Effect.suspend(() => {
    current?.kill("SIGKILL")
    return exit
  })
  const serving = Effect.repeat(ready, { until: (there: boolean) => there, schedule: Schedule.spaced("50 millis") })

  yield* Effect.addFinalizer(() => Effect.sync(() => current?.kill("SIGKILL")))
  return {
    launch,
    launchWith: (more) =>
      Effect.asVoid(
        Effect.acquireRelease(Effect.andThen(end, Effect.sync(() => launched(more))), () => end)
      ),
    start: Effect.andThen(
      launch,
      serving.pipe(
        Effect.raceFirst(Effect.flatMap(exit, (code) => failed(`exit ${code}`))),
        Effect.timeoutOrElse({ duration: startWithin, orElse: () => failed(`none within ${startWithin}`) }),
        Effect.asVoid
      )
    ),
    isRunning: Effect.sync(() => current !== undefined && !current.ended()),
    signal: (signal) =>
      Effect.sync(() => {
        const group = current?.child.pid
        if (group === undefined) return
        // a kill spares nobody; to be told to stop is the connector's own
        if (signal === "SIGKILL") return current?.kill(signal)
        Result.try(() => process.kill(ProcessTable.main(group), signal))
      }),
    exit,
    memoryBytes: Effect.sync(() => {
      const group = current?.child.pid
      const bytes = group === undefined ? 0 : ProcessTable.ofGroup(group).reduce((total, { bytes }) => total + bytes, 0)
      return bytes > 0 ? Option.some(bytes) : Option.none()
    }),
    output: Effect.sync(() => output)
  }
})
