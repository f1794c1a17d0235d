/** Durable consumers: made from the options, or checked against them. */
import type { ConsumerConfig, ConsumerInfo, JetStreamManager } from "@nats-io/jetstream"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { ChannelName } from "../../Channel.ts"
import type { ConsumerOptions, ConsumerSettings } from "../../JetStream.ts"
import { InvalidOption, SettingsDiffer, TransportError } from "../../TransportError.ts"
import * as names from "./names.ts"
import * as Session from "./Session.ts"
import type { Difference } from "./settings.ts"

/** What a durable consumer is for: a queue group and a consumer of one name must not share what each has acknowledged. */
export type Use = "queue group" | "consumer"

/** In the server's units. */
export interface Wanted {
  readonly name: string
  readonly use: Use
  readonly ack_wait: number
  readonly max_ack_pending: number
  /** What was asked for in so many words: one that is there is given it too. */
  readonly given: Partial<Pick<ConsumerConfig, "ack_wait" | "max_ack_pending">>
  readonly from: ConsumerOptions["from"]
}

const nanosPerMilli = 1_000_000
const defaultAckWaitMillis = 30_000
const defaultMaxAckPending = 1000
const minAckWaitMillis = 100

/** Options with their defaults, or what is wrong with them. */
export const make = (options: ConsumerOptions, use: Use): Result.Result<Wanted, TransportError> => {
  const { ackWait, from, maxAckPending = defaultMaxAckPending, name } = options
  const invalid = (option: string, problem: string) =>
    Result.fail(new TransportError({ reason: new InvalidOption({ option, problem }) }))
  const problem = names.problemOf(name)
  if (problem !== undefined) return invalid("name", problem)
  const waitMillis = ackWait === undefined ? defaultAckWaitMillis : Duration.toMillis(ackWait)
  if (!(waitMillis >= minAckWaitMillis && waitMillis < Infinity)) {
    return invalid("ackWait", `it is ${waitMillis} ms, want at least ${minAckWaitMillis} ms`)
  }
  if (!(Number.isSafeInteger(maxAckPending) && maxAckPending > 0)) {
    return invalid("maxAckPending", `it is ${maxAckPending}, want a whole number of at least 1`)
  }
  if (typeof from === "object" && !(Number.isSafeInteger(from.sequence) && from.sequence > 0)) {
    return invalid("from", `its sequence is ${from.sequence}, want a whole number of at least 1`)
  }
  const ack_wait = Math.round(waitMillis * nanosPerMilli)
  return Result.succeed({
    name,
    use,
    ack_wait,
    max_ack_pending: maxAckPending,
    given: {
      ...(ackWait === undefined ? {} : { ack_wait }),
      ...(options.maxAckPending === undefined ? {} : { max_ack_pending: maxAckPending })
    },
    from
  })
}

/** Says in the consumer itself what it is for: all servers keep a description. */
const descriptionOf = (use: Use): string => `kps: ${use}`

/** `undefined` for one that was made by others, and may be used as either. */
const useOf = (description: string | undefined): Use | undefined =>
  (["queue group", "consumer"] as const).find((use) => description === descriptionOf(use))

const policyOf = (from: ConsumerOptions["from"]): Pick<ConsumerConfig, "deliver_policy" | "opt_start_seq"> =>
  typeof from === "object"
    ? { deliver_policy: "by_start_sequence", opt_start_seq: from.sequence }
    : { deliver_policy: from ?? "all" }

/** Looks for the consumer; makes it when it is not there, and gives one that is there what was asked for. */
export const ensure = Effect.fnUntraced(function*(
  wanted: Wanted,
  session: Session.Session,
  channel: ChannelName,
  stream: string
): Effect.fn.Return<ConsumerInfo, TransportError | Session.SessionOver> {
  const { name } = wanted
  const what = `consumer "${name}" of stream "${stream}"`
  const look = (api: JetStreamManager) => api.consumers.info(stream, name)
  const found = yield* session.call(channel, `look up ${what}`, look).pipe(
    Effect.catchIf(
      (error) => error instanceof Session.ApiError && error.code === Session.consumerNotFound,
      () => Effect.undefined
    ),
    Session.told
  )
  if (found !== undefined) return yield* check(wanted, session, channel, stream, found)
  const { ack_wait, from, max_ack_pending, use } = wanted
  return yield* session.call(channel, `make ${what}`, (api) =>
    api.consumers.add(stream, {
      durable_name: name,
      description: descriptionOf(use),
      ack_policy: "explicit",
      ack_wait,
      max_ack_pending,
      ...policyOf(from)
    })).pipe(
      // somebody else was quicker
      Effect.catchIf(
        (error) => error instanceof Session.ApiError && error.code === Session.consumerExists,
        () =>
          Effect.flatMap(
            session.call(channel, `look up ${what}`, look),
            (other) => check(wanted, session, channel, stream, other)
          )
      ),
      Session.told
    )
})

/** The settings that it has now; none when there is no such consumer, or no stream. */
export const settingsNow = (
  session: Session.Session,
  channel: ChannelName,
  stream: string,
  name: string
): Effect.Effect<Option.Option<ConsumerSettings>, TransportError | Session.SessionOver> =>
  session.call(channel, `look up consumer "${name}" of stream "${stream}"`, (api) => api.consumers.info(stream, name))
    .pipe(
      Effect.map(({ config }) =>
        Option.some({
          ackWaitMillis: (config.ack_wait ?? 0) / nanosPerMilli,
          maxAckPending: config.max_ack_pending ?? 0
        })
      ),
      Effect.catchIf(
        (error) =>
          error instanceof Session.ApiError &&
          (error.code === Session.consumerNotFound || error.code === Session.streamNotFound),
        () => Effect.succeedNone
      ),
      Session.told
    )

const check = Effect.fnUntraced(function*(
  { given, name, use }: Wanted,
  session: Session.Session,
  channel: ChannelName,
  stream: string,
  found: ConsumerInfo
): Effect.fn.Return<ConsumerInfo, TransportError | Session.SessionOver> {
  const { ack_policy, deliver_subject, description, filter_subject = channel } = found.config
  const differences: ReadonlyArray<Difference> = [
    { setting: "use", want: use, got: useOf(description) ?? use },
    { setting: "ack_policy", want: "explicit", got: ack_policy },
    { setting: "deliver_subject", want: "none", got: deliver_subject ?? "none" },
    { setting: "filter_subject", want: channel, got: filter_subject === "" ? channel : filter_subject }
  ].filter(({ got, want }) => got !== want)
  if (differences.length > 0) {
    const subject = `consumer "${name}" of stream "${stream}"`
    return yield* new TransportError({ reason: new SettingsDiffer({ channel, subject, differences }) })
  }
  const changes = Object.entries(given).filter(([key, value]) => found.config[key as keyof typeof given] !== value) // its own keys
  if (changes.length === 0) return found
  return yield* Session.told(
    session.call(channel, `change consumer "${name}"`, (api) => api.consumers.update(stream, name, given))
  )
})
