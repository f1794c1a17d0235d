/**
 * Payloads of the contract, both ways: what a SetPayload asks for, checked; what GetPayload answers.
 *
 * @since 0.1.0
 */
import { create, type JsonObject } from "@bufbuild/protobuf"
import type { Connector } from "@kps/connector"
import { type Payload, PayloadSchema, StreamDirection, StreamDirectionSchema, StreamSchema } from "@kps/idl"
import { Channel } from "@kps/transport"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as ConfigState from "./ConfigState.ts"
import type { Desired } from "./DesiredState.ts"
import { quote } from "./internal/text.ts"
import type * as Metadata from "./Metadata.ts"
import type { StreamSpec } from "./StreamSpec.ts"
import * as Violation from "./Violation.ts"

/**
 * How much one SetPayload may ask for.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = {
  payloads: 10_000,
  /** Characters of a stream id. */
  idLength: 255
} as const

/**
 * What a SetPayload asks for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Accepted {
  /** Absent: the streams are left alone. */
  readonly streams: Option.Option<ReadonlyArray<StreamSpec>>
  /** Absent: the config is left alone. */
  readonly config: Option.Option<ConfigState.Planned>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Rules {
  /** Which streams the connector's class supports. */
  readonly direction: Connector.Direction
  readonly stream: Metadata.Metadata
  readonly config: Pick<ConfigState.ConfigState, "plan" | "planWhole">
  /** Whether a request without a stream leaves the streams alone, unless it is empty. */
  readonly mode: "perKind" | "replaceAll"
}

/**
 * Checks all of a SetPayload.
 *
 * **Details**
 *
 * Fails with everything that is wrong: payload by payload in their order, then the config that they make together.
 * Changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const accept = Effect.fnUntraced(function*(
  payloads: ReadonlyArray<Payload>,
  rules: Rules
): Effect.fn.Return<Accepted, Arr.NonEmptyReadonlyArray<Violation.Violation>> {
  if (payloads.length > limits.payloads) {
    return yield* Effect.fail(Arr.of({
      path: "payloads",
      description: `expected at most ${limits.payloads} payloads, got ${payloads.length}`
    }))
  }
  const violations: Array<Violation.Violation> = []
  const streams: Array<StreamSpec> = []
  const configs: Array<ConfigState.Given> = []
  const seen = new Map<string, number>()

  for (const [index, { object }] of payloads.entries()) {
    const path = `payloads[${index}]`
    if (object.case === "config") {
      configs.push({ path: `${path}.config.metadata`, metadata: object.value.metadata ?? {} })
    } else if (object.case === "stream") {
      const { id } = object.value
      const stream = yield* Effect.result(acceptStream(object.value, `${path}.stream`, rules))
      const first = seen.get(id)
      if (first === undefined) seen.set(id, index)
      else if (id !== "") {
        violations.push({
          path: `${path}.stream.id`,
          description: `expected an id of its own, got ${quote(id)}, which payloads[${first}] has`
        })
      }
      if (Result.isSuccess(stream)) streams.push(stream.success)
      else violations.push(...stream.failure)
    } else {
      violations.push({ path, description: "expected a config or a stream, got neither" })
    }
  }

  const config = configs.length === 0
    ? Result.succeed(undefined)
    : yield* Effect.result(rules.config.plan(configs))
  if (Result.isFailure(config)) violations.push(...config.failure)
  if (Arr.isArrayNonEmpty(violations)) return yield* Effect.fail(violations)
  const aboutStreams = rules.mode === "replaceAll" || seen.size > 0 || payloads.length === 0
  return {
    streams: aboutStreams ? Option.some(streams) : Option.none(),
    config: Option.fromUndefinedOr(Result.getOrUndefined(config))
  }
})

/**
 * What a SetPayload asks for, as it is kept: the config in force is `before`'s where it speaks of none, so are the
 * streams.
 *
 * @category converting
 * @since 0.1.0
 */
export const toDesired = (
  { config, streams }: Accepted,
  payloads: ReadonlyArray<Payload>,
  before: Desired
): Desired => ({
  config: Option.match(config, { onNone: () => before.config, onSome: ({ raw }) => raw }),
  streams: Option.isNone(streams) ? before.streams : payloads.flatMap(({ object }) => {
    if (object.case !== "stream") return []
    const { direction, id, metadata, transportChannel } = object.value
    return [create(StreamSchema, { id, direction, transportChannel, metadata: metadata ?? {} })]
  })
})

/**
 * What was kept, checked anew: the connector may be another version than the one that took it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Restored {
  /** Those that fit, in their order. */
  readonly streams: ReadonlyArray<StreamSpec>
  /** Nothing: it does not fit. */
  readonly config: Option.Option<ConfigState.Planned>
  /** What does not fit, by the id of the stream; the config by the empty one. */
  readonly refused: ReadonlyMap<string, ReadonlyArray<Violation.Violation>>
}

/**
 * Checks what was kept, each stream by itself. Changes nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const restore = Effect.fnUntraced(function*(desired: Desired, rules: Rules): Effect.fn.Return<Restored> {
  const refused = new Map<string, ReadonlyArray<Violation.Violation>>()
  const streams: Array<StreamSpec> = []
  for (const [index, stream] of desired.streams.entries()) {
    const accepted = yield* Effect.result(acceptStream(stream, `streams[${index}]`, rules))
    if (Result.isSuccess(accepted)) streams.push(accepted.success)
    else refused.set(stream.id, accepted.failure)
  }
  const config = yield* Effect.result(rules.config.planWhole({ path: "config", metadata: desired.config }))
  if (Result.isFailure(config)) refused.set("", config.failure)
  return { streams, config: Result.getSuccess(config), refused }
})

const decodeChannel = Schema.decodeUnknownResult(Channel.ChannelName, { errors: "all" })

const acceptStream = Effect.fnUntraced(function*(
  stream: {
    readonly id: string
    readonly direction: StreamDirection
    readonly transportChannel: string
    readonly metadata?: JsonObject | undefined
  },
  path: string,
  rules: Rules
): Effect.fn.Return<StreamSpec, ReadonlyArray<Violation.Violation>> {
  const { direction, id, transportChannel } = stream
  const violations: Array<Violation.Violation> = []
  if (id === "" || id.length > limits.idLength) {
    violations.push(Violation.make(`${path}.id`, `an id of 1 to ${limits.idLength} characters`, id))
  }
  const way = ways.get(direction)
  if (way === undefined || (rules.direction !== "BIDIRECTIONAL" && rules.direction !== way)) {
    violations.push({
      path: `${path}.direction`,
      description: `expected ${expectedWays[rules.direction]}, got ${nameOf(direction)}`
    })
  }
  const channel = decodeChannel(transportChannel)
  if (Result.isFailure(channel)) {
    violations.push(
      ...Violation.fromIssue(channel.failure.issue, transportChannel, () => `${path}.transport_channel`)
    )
  }
  const metadata = yield* Effect.result(
    rules.stream.decode(stream.metadata ?? {}, (keys) => Violation.path(`${path}.metadata`, keys))
  )
  if (Result.isFailure(metadata)) violations.push(...metadata.failure)

  if (violations.length > 0 || way === undefined || Result.isFailure(channel) || Result.isFailure(metadata)) {
    return yield* Effect.fail(violations)
  }
  const { metadata: shown, value: parameters } = metadata.success
  return { id, direction: way, channel: channel.success, parameters, metadata: shown }
})

const ways: ReadonlyMap<number, Connector.StreamDirection> = new Map([
  [StreamDirection.INGRESS, "INGRESS"],
  [StreamDirection.EGRESS, "EGRESS"]
])

const numbers = { INGRESS: StreamDirection.INGRESS, EGRESS: StreamDirection.EGRESS } as const

/** By the proto's names; enums of proto3 are open, so that any number may come. */
const nameOf = (direction: number): string =>
  StreamDirectionSchema.values.find(({ number }) => number === direction)?.name ?? String(direction)

const expectedWays: Record<Connector.Direction, string> = {
  INGRESS: `${nameOf(StreamDirection.INGRESS)}, the only one of this connector`,
  EGRESS: `${nameOf(StreamDirection.EGRESS)}, the only one of this connector`,
  BIDIRECTIONAL: `${nameOf(StreamDirection.INGRESS)} or ${nameOf(StreamDirection.EGRESS)}`
}

/**
 * A stream as GetPayload answers it.
 *
 * @category converting
 * @since 0.1.0
 */
export const ofStream = (stream: {
  readonly id: string
  readonly direction: Connector.StreamDirection
  /** Empty for a stream that is only offered. */
  readonly channel: string
  readonly metadata: JsonObject
  readonly subscribed: boolean
  readonly discovered: boolean
}): Payload =>
  create(PayloadSchema, {
    object: {
      case: "stream",
      value: {
        id: stream.id,
        subscribed: stream.subscribed,
        discovered: stream.discovered,
        direction: numbers[stream.direction],
        transportChannel: stream.channel,
        metadata: stream.metadata
      }
    }
  })

/**
 * A stream that was asked for, as GetPayload answers it: the same message as long as it is the same answer, so that it is
 * encoded once.
 *
 * @category converting
 * @since 0.1.0
 */
export const ofSpec = (spec: StreamSpec, subscribed: boolean, discovered: boolean): Payload => {
  const last = described.get(spec)
  if (last?.subscribed === subscribed && last.discovered === discovered) return last.payload
  const payload = ofStream({ ...spec, subscribed, discovered })
  described.set(spec, { subscribed, discovered, payload })
  return payload
}

const described = new WeakMap<
  StreamSpec,
  { readonly subscribed: boolean; readonly discovered: boolean; readonly payload: Payload }
>()

/**
 * The config as GetPayload answers it.
 *
 * @category converting
 * @since 0.1.0
 */
export const ofConfig = (metadata: JsonObject): Payload =>
  create(PayloadSchema, { object: { case: "config", value: { metadata } } })
