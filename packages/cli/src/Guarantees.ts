/**
 * What a running connector says that its streams promise: asked for over gRPC, or over HTTP beside its metrics.
 *
 * @since 0.1.0
 */
import { ConnectorClient } from "@kps/client"
import { Connector, Guarantee } from "@kps/connector"
import { type EventPayload, type Stream, StreamDirection } from "@kps/idl"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const Window = Schema.Struct({ id: Schema.String, what: Schema.String })

const Promised = Schema.Struct({
  level: Schema.String,
  because: Schema.String,
  losses: Schema.Array(Window),
  duplicates: Schema.Array(Window),
  order: Schema.String,
  raise: Schema.Array(Schema.String),
  /** What it follows from. Of a later version of the connector it may be more than this version knows. */
  facts: Schema.JsonObject
})

/**
 * One stream and what it promises.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Explained = Schema.Struct({
  connectorId: Schema.String,
  id: Schema.String,
  direction: Schema.Literals(["INGRESS", "EGRESS"]),
  channel: Schema.optionalKey(Schema.String),
  state: Schema.String,
  /** Absent while the stream does not run. */
  guarantee: Schema.optionalKey(Promised),
  deliverP99Millis: Schema.optionalKey(Schema.Finite)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Explained = typeof Explained.Type

/**
 * What a connector serves beside its metrics could not be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class HttpFailed extends Schema.TaggedError<HttpFailed>("@kps/cli/Guarantees/HttpFailed")("HttpFailed", {
  url: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `cannot read ${this.url}: ${this.problem}`
  }
}

const patience = 10_000

const problemOf = (cause: unknown): string => {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  return inner instanceof Error ? inner.message || inner.name : String(inner)
}

/**
 * The streams of a connector as `GET /streams` shows them. `base` is where it serves its metrics, such as
 * `http://127.0.0.1:9090`.
 *
 * @category operations
 * @since 0.1.0
 */
export const fromHttp = Effect.fnUntraced(function*(
  base: string
): Effect.fn.Return<ReadonlyArray<Explained>, HttpFailed> {
  const absolute = /^https?:\/\//.test(base) ? base : `http://${base}`
  const url = `${absolute.replace(/\/+$/, "")}/streams`
  const body = yield* Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(patience)]) })
      return response.ok ? await response.text() : Promise.reject(new Error(`it answers ${response.status}`))
    },
    catch: (cause) => new HttpFailed({ url, problem: problemOf(cause) })
  })
  return yield* Effect.mapError(
    Schema.decodeEffect(Schema.fromJsonString(Schema.Array(Explained)))(body),
    () => new HttpFailed({ url, problem: "what it answers is no list of streams" })
  )
})

const Told = Schema.Struct({
  guarantee: Schema.Struct({ level: Schema.String, facts: Schema.optionalKey(Schema.JsonObject) })
})
const decodeTold = Schema.decodeUnknownOption(Told)
const decodeFacts = Schema.decodeUnknownOption(Schema.toCodecJson(Guarantee.Facts))

/** Of facts that are not told, or that this version does not know, only what the connector itself concludes. */
const promised = ({ facts = {}, level }: typeof Told.Type["guarantee"]): typeof Promised.Type => {
  const because = "the connector does not tell here what it follows from: ask where it serves its metrics, with --http"
  return {
    ...Option.match(decodeFacts(facts), {
      onNone: () => ({ because, losses: [], duplicates: [], order: "", raise: [] }),
      onSome: Connector.guarantee
    }),
    level,
    facts
  }
}

/**
 * The streams that statuses tell the guarantee of.
 *
 * @category operations
 * @since 0.1.0
 */
export const fromEvents = (connectorId: string, events: ReadonlyArray<EventPayload>): ReadonlyArray<Explained> =>
  events.flatMap(({ object }) => {
    if (object.case !== "status") return []
    const told = decodeTold(object.value.metadata?.["ExtraMessage"])
    if (Option.isNone(told)) return []
    const guarantee = promised(told.value.guarantee)
    const direction = guarantee.facts["direction"] === "INGRESS" ? "INGRESS" : "EGRESS"
    return [{ connectorId, id: object.value.streamId, direction, state: object.value.id, guarantee }]
  })

const explained = (connectorId: string, stream: Stream, events: ReadonlyArray<EventPayload>): Explained => {
  const direction = stream.direction === StreamDirection.INGRESS ? "INGRESS" : "EGRESS"
  const told = fromEvents(connectorId, events).find(({ id }) => id === stream.id)
  const channel = stream.transportChannel
  if (told !== undefined) return { ...told, direction, channel }
  const status = events.find(({ object }) => object.case === "status" && object.value.streamId === stream.id)
  return { connectorId, id: stream.id, direction, channel, state: status?.object.value?.id ?? "unknown" }
}

/**
 * The streams that a connector runs or should run, with what their statuses say.
 *
 * @category operations
 * @since 0.1.0
 */
export const fromConnector = Effect.fnUntraced(function*(connectorId: string) {
  const client = yield* ConnectorClient.ConnectorClient
  const [streams, events] = yield* Effect.all([client.getStreams, client.getEvents], { concurrency: 2 })
  return streams.flatMap((stream) =>
    stream.subscribed || events.some(({ object }) => object.value?.streamId === stream.id)
      ? [explained(connectorId, stream, events)]
      : []
  )
})
