/** The documented environment of streams, and of who reads them in a group. */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Options } from "../../JetStreamTransport.ts"
import { InvalidOption, TransportError } from "../../TransportError.ts"

const invalid = (option: string, problem: string) =>
  new TransportError({ reason: new InvalidOption({ option, problem }) })

/** What a variable says, read by `parse`; an empty one counts as absent. */
const variable = <A>(
  name: string,
  want: string,
  parse: (text: string) => A | undefined
): Effect.Effect<A | undefined, TransportError | Config.ConfigError> =>
  Effect.flatMap(Config.option(Config.String(name)), (given) => {
    if (Option.isNone(given) || given.value === "") return Effect.undefined
    const value = parse(given.value)
    return value === undefined
      ? Effect.fail(invalid(name, `it is "${given.value.slice(0, 200)}", want ${want}`))
      : Effect.succeed(value)
  })

const oneOf = <const A extends string>(name: string, values: ReadonlyArray<A>) =>
  variable(name, values.map((value) => `"${value}"`).join(" or "), (text) => values.find((value) => value === text))

const whole = (name: string, least: number, most: number, want: string) =>
  variable(name, want, (text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
    return value >= least && value <= most ? value : undefined
  })

const count = (name: string) => whole(name, 1, Number.MAX_SAFE_INTEGER, "a whole number of at least 1")

/** Shorter ones no server takes. */
const leastMillis = 100

const duration = (name: string, example: string, most = Number.MAX_SAFE_INTEGER) =>
  variable(name, `a duration of at least ${leastMillis} millis, such as "${example}"`, (text) => {
    // one cast: what it is not is what is asked
    const value = Duration.fromInput(text as Duration.Input)
    const millis = Option.isSome(value) ? Duration.toMillis(value.value) : Number.NaN
    return millis >= leastMillis && millis <= most ? Option.getOrUndefined(value) : undefined
  })

type Asked = Pick<Options, "stream" | "ackWait" | "maxAckPending">

/** Options from it, each of them with what no variable is for left out. */
export const options: Effect.Effect<Asked, TransportError | Config.ConfigError> = Effect.gen(function*() {
  const stream = {
    replicas: yield* whole("NATS_JS_REPLICAS", 1, 5, "a whole number from 1 to 5"),
    storage: yield* oneOf("NATS_JS_STORAGE", ["file", "memory"]),
    discard: yield* oneOf("NATS_JS_DISCARD", ["old", "new"]),
    maxAge: yield* duration("NATS_JS_MAX_AGE", "7 days", Infinity),
    duplicateWindow: yield* duration("NATS_JS_DUPLICATE_WINDOW", "2 minutes"),
    maxBytes: yield* count("NATS_JS_MAX_BYTES"),
    maxMessages: yield* count("NATS_JS_MAX_MESSAGES"),
    onDifference: yield* oneOf("NATS_JS_ON_DIFFERENCE", ["fail", "grow"])
  }
  const { duplicateWindow, maxAge } = stream
  if (duplicateWindow !== undefined && maxAge !== undefined && Duration.isGreaterThan(duplicateWindow, maxAge)) {
    return yield* invalid(
      "NATS_JS_DUPLICATE_WINDOW",
      `it is ${Duration.toMillis(duplicateWindow)} ms, want at most NATS_JS_MAX_AGE, ${Duration.toMillis(maxAge)} ms`
    )
  }
  return {
    stream,
    ackWait: yield* duration("NATS_JS_ACK_WAIT", "30 seconds"),
    maxAckPending: yield* count("NATS_JS_MAX_ACK_PENDING")
  }
})
