/**
 * Runs cases against a connector.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Case, Level } from "./Case.ts"
import * as cases from "./cases/index.ts"
import { Driver, type Run } from "./Driver.ts"
import { cut, show } from "./Outcome.ts"
import * as Requirement from "./Requirement.ts"
import type { Result, Verdict } from "./Result.ts"
import type { Subject } from "./Subject.ts"
import * as Wire from "./Wire.ts"

/**
 * Runs single cases against one connector, one at a time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly seed: number
  /** Runs a case on a connector without streams and with its first config. */
  readonly run: (one: Case) => Effect.Effect<Result>
  /** Leaves the connector without streams and with its first config. */
  readonly close: Effect.Effect<void>
}

const closeWithin = "8 seconds"

const alphabet = "abcdefghijkmnpqrstuvwxyz23456789"

/** So many letters and digits at random. */
const word = (length: number): Effect.Effect<string> =>
  Effect.map(
    Effect.all(Array.from({ length }, () => Random.nextIntBetween(0, alphabet.length - 1))),
    (picks) => picks.map((pick) => alphabet[pick]).join("")
  )

/**
 * Opens a session. Random choices come from `seed`; default: another one each time.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(
  subject: Subject["Service"],
  options: { readonly seed?: number | undefined } = {}
): Effect.fn.Return<Session> {
  const seed = options.seed ?? (yield* Random.nextIntBetween(1, 2 ** 31 - 1))
  const prefix = yield* word(6)
  const secret = `secret${yield* word(20)}`
  let names = 0
  const run: Run = {
    subject,
    seed,
    secret,
    nextName: () => `${prefix}${(names++).toString(36).padStart(3, "0")}`,
    firstConfig: undefined
  }
  const driver = (steps: Array<Wire.Step>) => {
    const record = (step: Wire.Step) => {
      const last = steps.at(-1)
      // what was asked again and again until it was right: the last answer is the one that counts
      if (last !== undefined && last.call === step.call && show(last.request) === show(step.request)) steps.pop()
      steps.push(step)
    }
    const { description: { id: connectorId }, patience } = subject
    const forget = () => {
      steps.length = 0
    }
    const deadlineMillis = Duration.toMillis(patience.call)
    return new Driver(run, (transport) => Wire.make({ transport, connectorId, deadlineMillis, record }), forget)
  }
  const cleaner = driver([])

  const revived = Effect.suspend(() => {
    const { process } = subject
    return process === undefined
      ? Effect.void
      : Effect.flatMap(process.isRunning, (running) => running ? Effect.void : process.start)
  })

  const reset = Effect.andThen(revived, cleaner.clean)

  const verdictOf = (one: Case, steps: Array<Wire.Step>): Effect.Effect<Verdict> => {
    const failed = (expected: string, got: string): Verdict => ({ _tag: "Failed", expected, got, steps })
    return Effect.andThen(reset, Effect.scoped(one.run(driver(steps)))).pipe(
      Effect.map((got): Verdict => ({ _tag: "Passed", got })),
      Effect.catchTags({
        Mismatch: ({ expected, got }) => Effect.succeed(failed(expected, got)),
        NotApplicable: ({ reason }) => Effect.succeed<Verdict>({ _tag: "Skipped", reason }),
        BedFailed: ({ problem }) => Effect.succeed(failed(one.expected, `no way to tell: ${problem}`))
      }),
      Effect.catchCauseIf(
        (cause) => !Cause.hasInterruptsOnly(cause),
        (cause) => Effect.succeed(failed("the case to come to an end", cut(Cause.pretty(cause), 2_000)))
      ),
      Effect.timeoutOrElse({
        duration: one.timeout ?? "20 seconds",
        orElse: () =>
          Effect.succeed(failed(
            one.expected,
            `no verdict within ${
              Duration.format(
                Duration.fromInputUnsafe(one.timeout ?? "20 seconds")
              )
            }`
          ))
      })
    )
  }

  return {
    seed,
    run: Effect.fnUntraced(function*(one) {
      const { door, expected, id, level, title } = one
      const start = yield* Clock.currentTimeMillis
      const reason = Requirement.missing(subject, one.requires)
      let verdict: Verdict = { _tag: "Skipped", reason: reason ?? "" }
      if (reason === undefined) {
        const steps: Array<Wire.Step> = []
        verdict = yield* verdictOf(one, steps)
      }
      return { id, title, expected, level, door, verdict, millis: (yield* Clock.currentTimeMillis) - start }
    }),
    // a connector that does not start any more has nothing to be left without, and one that hangs is not waited for
    close: Effect.ignore(Effect.timeout(reset, closeWithin))
  }
})

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Which cases are run: those of the core, or all. Default: "full". */
  readonly level?: Level | undefined
  /** Ids of the cases that are run. Default: all of the level. */
  readonly only?: ReadonlyArray<string> | undefined
  /** What random choices come from. Default: another one each time. */
  readonly seed?: number | undefined
  /** What has no verdict by then fails. Default: 110 seconds. */
  readonly within?: Duration.Input | undefined
  /** Called with each result as it comes. */
  readonly onResult?: ((result: Result) => Effect.Effect<void>) | undefined
}

/**
 * The cases that options choose.
 *
 * @category selecting
 * @since 0.1.0
 */
export const select = ({ level = "full", only }: Pick<Options, "level" | "only">): ReadonlyArray<Case> =>
  cases.all.filter((one) => (level === "full" || one.level === "core") && (only === undefined || only.includes(one.id)))

/**
 * Runs cases one after another. The connector is left without streams and with its first config, also when this is
 * interrupted.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  subject: Subject["Service"],
  options: Options = {}
): Effect.fn.Return<{ readonly seed: number; readonly results: ReadonlyArray<Result> }> {
  const session = yield* open(subject, options)
  const within = Duration.fromInputUnsafe(options.within ?? "110 seconds")
  const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(within)
  const results: Array<Result> = []
  const all = Effect.gen(function*() {
    for (const one of select(options)) {
      const left = Math.max(0, until - (yield* Clock.currentTimeMillis))
      const result = yield* Effect.timeoutOrElse(session.run(one), {
        duration: left,
        orElse: () => Effect.succeed(late(one, left, within))
      })
      results.push(result)
      if (options.onResult !== undefined) yield* options.onResult(result)
    }
  })
  yield* Effect.ensuring(all, session.close)
  return { seed: session.seed, results }
})

const late = ({ door, expected, id, level, title }: Case, millis: number, within: Duration.Duration): Result => ({
  id,
  title,
  expected,
  level,
  door,
  millis,
  verdict: {
    _tag: "Failed",
    expected,
    got: `no verdict: the ${Duration.format(within)} for all cases are over`,
    steps: []
  }
})
