/**
 * What `kps doctor` reads: from the broker, from what connectors share there, and from the server's monitoring. Loaded
 * when it is asked for. Nothing is changed anywhere.
 *
 * @since 0.1.0
 */
import { Bucket, ReplicaReport, type StateError } from "@kps/server"
import * as JetStreamBuckets from "@kps/server/JetStreamBuckets"
import { NatsConnection, type TransportError } from "@kps/transport"
import { type ConsumerInfo, type JetStreamManager, jetstreamManager, type StreamInfo } from "@nats-io/jetstream"
import type { ServerInfo } from "@nats-io/transport-node"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { NotReadable } from "./CommandError.ts"
import * as Guarantees from "./Guarantees.ts"
import * as NatsLayer from "./NatsLayer.ts"
import type { Observed, ObservedConsumer, ObservedMonitor, ObservedStream } from "./Observed.ts"

const nanosPerMilli = 1_000_000

/** So many streams, and consumers of one, are looked at, and so many of the last messages of each. */
const most = { streams: 1_000, messages: 10 } as const

const patience = 10_000

/** A limit as we have it: the server says 0 or -1 for none. */
const limit = (value: number | undefined): number | null => value !== undefined && value > 0 ? value : null

const read = <A>(what: string, ask: () => Promise<A>): Effect.Effect<A, NotReadable> =>
  Effect.tryPromise({ try: ask, catch: (cause) => new NotReadable({ what, cause }) })

const all = <A>(what: string, lister: AsyncIterable<A>): Effect.Effect<ReadonlyArray<A>, NotReadable> =>
  Stream.fromAsyncIterable(lister, (cause) => new NotReadable({ what, cause })).pipe(
    Stream.take(most.streams),
    Stream.runCollect
  )

const consumerOf = ({ ack_floor, config, name, num_ack_pending, num_pending }: ConsumerInfo): ObservedConsumer => ({
  name,
  ackWaitMillis: (config.ack_wait ?? 0) / nanosPerMilli,
  ackFloor: ack_floor.stream_seq,
  unread: num_pending + num_ack_pending
})

/** The largest of the last messages. */
const largest = (
  manager: JetStreamManager,
  { config: { name }, state: { first_seq, last_seq } }: StreamInfo
): Effect.Effect<number> => {
  const from = Math.max(first_seq, last_seq - most.messages + 1)
  const sequences = Array.from({ length: Math.max(0, last_seq - from + 1) }, (_, i) => from + i)
  const sizeOf = (seq: number) =>
    Effect.match(Effect.tryPromise(() => manager.streams.getMessage(name, { seq })), {
      // one that is gone meanwhile is not large
      onFailure: () => 0,
      onSuccess: (found) => found?.data.length ?? 0
    })
  return Effect.map(
    Effect.forEach(sequences, sizeOf, { concurrency: most.messages }),
    (sizes) => Math.max(0, ...sizes)
  )
}

const streamOf = Effect.fnUntraced(function*(
  manager: JetStreamManager,
  info: StreamInfo
): Effect.fn.Return<ObservedStream, NotReadable> {
  const { config, state } = info
  const { name } = config
  const isBucket = name.startsWith("KV_") || name.startsWith("OBJ_")
  const maxAge = limit(config.max_age)
  const consumers = isBucket ? [] : yield* all(`the consumers of stream ${name}`, manager.consumers.list(name))
  return {
    name,
    isBucket,
    settings: {
      storage: config.storage,
      replicas: config.num_replicas,
      retention: config.retention,
      discard: config.discard,
      maxAgeMillis: maxAge === null ? null : maxAge / nanosPerMilli,
      maxBytes: limit(config.max_bytes),
      maxMessages: limit(config.max_msgs),
      duplicateWindowMillis: config.duplicate_window / nanosPerMilli
    },
    maxMessageBytes: limit(config.max_msg_size),
    messages: state.messages,
    bytes: state.bytes,
    firstSequence: state.first_seq,
    firstMillis: Date.parse(state.first_ts),
    largestBytes: isBucket ? 0 : yield* largest(manager, info),
    consumers: consumers.map(consumerOf)
  }
})

const Varz = Schema.Struct({ now: Schema.String, connections: Schema.Int, max_connections: Schema.Int })

/** What the server's monitoring says; `url` is its base, such as `http://127.0.0.1:8222`. */
const monitorOf = Effect.fnUntraced(function*(url: string): Effect.fn.Return<ObservedMonitor, NotReadable> {
  const address = `${url.replace(/\/+$/, "")}/varz`
  const before = yield* Clock.currentTimeMillis
  const body = yield* read(address, async () => {
    const response = await fetch(address, { signal: AbortSignal.timeout(patience) })
    return response.ok ? await response.json() : Promise.reject(new Error(`it answers ${response.status}`))
  })
  const after = yield* Clock.currentTimeMillis
  const varz = yield* Effect.mapError(
    Schema.decodeUnknownEffect(Varz)(body),
    (cause) => new NotReadable({ what: address, cause })
  )
  const uncertainMillis = (after - before) / 2
  return {
    connections: varz.connections,
    maxConnections: varz.max_connections,
    skewMillis: Date.parse(varz.now) - (before + uncertainMillis),
    uncertainMillis
  }
})

/** An id out of a token of a key; of one that is too long only its digest is there. */
const idOf = (token: string): string => {
  const encoded = token.replaceAll("=", "%")
  return /^(?:[^%]|%[0-9A-F]{2})*$/.test(encoded) ? decodeURIComponent(encoded) : token
}

/** Which replicas are alive by what they share, and what they report of their streams. */
const shared = Effect.gen(function*() {
  const bucket = (yield* Bucket.Buckets).open("leases")
  const replicas = new Map<string, number>()
  for (const { key } of yield* bucket.list("session.*.*")) {
    const instance = idOf(key.split(".")[1]!)
    replicas.set(instance, (replicas.get(instance) ?? 0) + 1)
  }
  const told = yield* Effect.forEach(
    yield* bucket.list("report.*.*"),
    (entry) =>
      Effect.map(
        ReplicaReport.decode(bucket, entry),
        (report) => Guarantees.fromEvents(idOf(entry.key.split(".")[1]!), report?.events ?? [])
      )
  )
  return { replicas, told: told.flat() }
})

const ofServer = (info: ServerInfo): Observed["server"] => ({
  name: info.server_name,
  version: info.version,
  maxPayloadBytes: info.max_payload,
  jetstream: info.jetstream ?? false,
  clusterUrls: info.connect_urls ?? []
})

/**
 * Reads all there is to read. `told` is what a connector said that was asked.
 *
 * @category operations
 * @since 0.1.0
 */
export const observe = Effect.fnUntraced(function*(options: {
  readonly nats: string
  readonly prefix: string
  readonly monitor: Option.Option<string>
  readonly told: ReadonlyArray<Guarantees.Explained>
}): Effect.fn.Return<
  Observed,
  NotReadable | TransportError.TransportError | StateError.StateError,
  NatsConnection.NatsConnection | Bucket.Buckets
> {
  const client = yield* Effect.flatMap(NatsConnection.NatsConnection, ({ current }) => current)
  const server = ofServer(client.info!)
  const base = {
    nowMillis: yield* Clock.currentTimeMillis,
    server,
    named: options.nats.split(",").map((one) => one.trim()).filter((one) => one !== ""),
    monitor: Option.isNone(options.monitor) ? undefined : yield* monitorOf(options.monitor.value)
  }
  if (!server.jetstream) return { ...base, stores: [], streams: [], replicas: new Map(), told: options.told }
  const manager = yield* read("JetStream", () => jetstreamManager(client, { timeout: patience, checkAPI: false }))
  const account = yield* read("the account's limits", () => manager.getAccountInfo())
  const infos = yield* all("the streams", manager.streams.list())
  const streams = yield* Effect.forEach(infos, (info) => streamOf(manager, info), { concurrency: 8 })
  // Looking at a bucket makes it.
  const sharing = streams.some(({ name }) => name === `KV_${options.prefix}-leases`)
    ? yield* shared
    : { replicas: new Map<string, number>(), told: [] }
  const asked = new Set(options.told.map(({ connectorId }) => connectorId))
  return {
    ...base,
    stores: [
      { what: "disk", used: account.storage, limit: limit(account.limits.max_storage) },
      { what: "memory", used: account.memory, limit: limit(account.limits.max_memory) }
    ],
    streams,
    replicas: sharing.replicas,
    told: [...options.told, ...sharing.told.filter(({ connectorId }) => !asked.has(connectorId))]
  }
})

/**
 * The broker, and the buckets there.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = ({ nats, prefix }: { readonly nats: string; readonly prefix: string }) =>
  Layer.provideMerge(JetStreamBuckets.layer({ prefix }), NatsLayer.layer(nats))
