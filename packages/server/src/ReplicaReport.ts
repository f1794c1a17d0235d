/**
 * What one replica tells the others about the streams that it runs.
 *
 * @since 0.1.0
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { type EventPayload, GetEventsResponseSchema } from "@kps/idl"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { gunzipSync, gzipSync } from "node:zlib"
import type { Bucket, Entry } from "./Bucket.ts"
import { FailedStream } from "./ContractError.ts"
import { limits } from "./LargeValue.ts"
import * as Stored from "./Stored.ts"

/**
 * How a stream is where it runs.
 *
 * @category models
 * @since 0.1.0
 */
export type Told = typeof Told.Type

const { code, message, retryInMillis, tag } = FailedStream.fields

const Told = Schema.Struct({
  id: Schema.String,
  state: Schema.Literals(["Starting", "Running", "Retrying", "Halted", "Done"]),
  /** Of one that is retrying or halted. */
  failure: Schema.optionalKey(Schema.Struct({ tag, code, message, retryInMillis }))
})

/**
 * @category models
 * @since 0.1.0
 */
export interface ReplicaReport {
  /** Of the desired state that it has applied. */
  readonly revision: number
  /** Those that it runs, or tries to; not those that it leaves to others. */
  readonly streams: ReadonlyArray<Told>
  /** About those streams, and about the replica as a whole. */
  readonly events: ReadonlyArray<EventPayload>
}

const stored = Stored.make(
  1,
  Schema.Struct({
    revision: Schema.Int,
    streams: Schema.Array(Told),
    /** A `GetEventsResponse` in base64: thousands of events are put into it, and had from it, in milliseconds. */
    events: Schema.String
  })
)

/**
 * As it is kept: compressed, and with as many events as fit into 512 KiB then, alerts before statuses.
 *
 * @category converting
 * @since 0.1.0
 */
export const encode = Effect.fnUntraced(function*({ events, revision, streams }: ReplicaReport) {
  const eventPayloads = events.toSorted((a, b) => rank(a) - rank(b))
  while (true) {
    const response = toBinary(GetEventsResponseSchema, create(GetEventsResponseSchema, { eventPayloads }))
    const value = yield* stored.encode({ revision, streams, events: Buffer.from(response).toString("base64") })
    const bytes = gzipSync(value, { level: 1 })
    if (bytes.length <= limits.partBytes || eventPayloads.length === 0) return new Uint8Array(bytes)
    eventPayloads.length = Math.floor(eventPayloads.length / 2)
  }
})

const rank = ({ object }: EventPayload): number => object.case === "alert" ? 0 : 1

/**
 * Reads it; nothing when it cannot be read, such as of another version.
 *
 * @category converting
 * @since 0.1.0
 */
export const decode = (bucket: Bucket, entry: Entry): Effect.Effect<ReplicaReport | undefined> =>
  Effect.gen(function*() {
    const value = yield* Effect.try(() => new Uint8Array(gunzipSync(entry.value, { maxOutputLength })))
    const { events, revision, streams } = yield* stored.decode(bucket, { ...entry, value })
    const response = yield* Effect.try(() => fromBinary(GetEventsResponseSchema, Buffer.from(events, "base64")))
    return { revision, streams, events: response.eventPayloads }
  }).pipe(Effect.catch((error) =>
    Effect.as(
      Effect.annotateLogs(Effect.logDebug("cannot read what a replica reports", error), { key: entry.key }),
      undefined
    )
  ))

/** More than 10,000 streams and all their events need. */
const maxOutputLength = 67_108_864
