/**
 * Dead letters in NATS JetStream: they outlive the connector, and `kps dlq` reaches them.
 *
 * @since 0.1.0
 */
import { NatsConnection } from "@kps/transport"
import { headers as makeHeaders } from "@nats-io/transport-node"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { DeadLetterError, NobodyListens, NotFound, NotReplayed, Unavailable, Unreadable } from "./DeadLetterError.ts"
import { type Bounds, type DeadLetter, DeadLetters, type Summary } from "./DeadLetters.ts"
import * as letterHeader from "./internal/letterHeader.ts"
import * as letterHeads from "./internal/letterHeads.ts"
import * as letterPurge from "./internal/letterPurge.ts"
import * as letterReplay from "./internal/letterReplay.ts"
import { LetterStreams } from "./internal/letterStream.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options extends Bounds {
  /** How many servers of a cluster keep each store: 1, 3 or 5. For stores that are not there yet. Default: 1. */
  readonly replicas?: number | undefined
  /** What the names of the streams begin with, before a `-`: letters, digits, `-` and `_`. Default: "kps". */
  readonly prefix?: string | undefined
  /** How long one answer of the broker is waited for. Default: 5 seconds. */
  readonly timeout?: Duration.Input | undefined
}

/** The broker's own limits, for when no connector runs that would count what goes, are this much above ours. */
const slackBytes = 16_777_216
const slackMillis = 3_600_000

/**
 * Layer of dead letters in JetStream, over the connection of the NATS transport.
 *
 * **Details**
 *
 * One stream per connector instance, in files, made when its first letter comes: `<prefix>-dead-letters-<instance>`
 * with the subjects `$KPS.DLQ.<prefix>.<instance>.>`, the id as in a key of the shared state. Its limits follow the
 * options, an hour and 16 MiB above them: the connector itself removes what is over, since it counts. A letter is one
 * message, the original bytes with a header of what is known of them; where they do not fit into one message the rest is
 * in a second one. Needs nats-server 2.9 or later with JetStream; every operation fails with `Unavailable` while the
 * broker is away or has no JetStream.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<DeadLetters, never, NatsConnection.NatsConnection> =>
  Layer.effect(DeadLetters, Effect.map(NatsConnection.NatsConnection, (connection) => make(connection, options)))

const make = (connection: NatsConnection.NatsConnection["Service"], options: Options): DeadLetters["Service"] => {
  const { maxAge = "7 days", maxBytes = 268_435_456, prefix = "kps", replicas = 1, timeout = "5 seconds" } = options
  const maxAgeMillis = Duration.toMillis(maxAge)
  const streams = new LetterStreams(connection, {
    prefix,
    replicas,
    timeout,
    limits: { max_age: (maxAgeMillis + slackMillis) * 1_000_000, max_bytes: maxBytes + slackBytes }
  })

  const evict = (instance: string): Effect.Effect<number, DeadLetterError> =>
    Effect.suspend(() => {
      const evicted = { count: 0 }
      return Effect.matchEffect(evictCounting(instance, evicted), {
        onSuccess: () => Effect.succeed(evicted.count),
        // What went is told; the rest goes the next time.
        onFailure: (error) => evicted.count > 0 ? Effect.succeed(evicted.count) : Effect.fail(error)
      })
    })

  const evictCounting = Effect.fnUntraced(function*(
    instance: string,
    evicted: { count: number }
  ): Effect.fn.Return<void, DeadLetterError> {
    while (true) {
      const state = (yield* streams.info(instance))?.state
      if (state === undefined || state.messages === 0) return
      const age = (yield* Clock.currentTimeMillis) - Date.parse(state.first_ts)
      const tooMuch = state.bytes > maxBytes && state.first_seq < state.last_seq
      if (age < maxAgeMillis && !tooMuch) return
      const first = yield* streams.message(instance, state.first_seq)
      // Another replica may have been faster: each is counted once.
      const removed = yield* streams.remove(instance, state.first_seq)
      if (removed && streams.isLetter(instance, first?.subject)) evicted.count++
    }
  })

  const add: DeadLetters["Service"]["add"] = Effect.fnUntraced(function*(letters) {
    const { instance } = letters[0]
    const kept = yield* streams.ask(instance, "store", (session) =>
      streams.open(instance, session).then(() => {
        const maxPayload = session.client.info?.max_payload ?? 1_048_576
        return Promise.all(letters.map((letter) => {
          const { about, here } = letterHeader.split(letter, maxPayload)
          const headers = makeHeaders()
          headers.set(letterHeader.headerName, about)
          const { bytes, key, stream } = letter
          return session.js.publish(streams.letterSubject(instance, stream), bytes.subarray(0, here), {
            msgID: `letter-${key}`,
            headers
          }).then(({ seq }) =>
            here === bytes.length
              ? undefined
              : session.js.publish(streams.tailSubject(instance, seq), bytes.subarray(here), { msgID: `tail-${key}` })
          )
        }))
      }).catch((cause: unknown) => {
        // The stream itself may be gone: it is looked for again.
        session.opened.clear()
        return Promise.reject(cause)
      }))
    if (kept === undefined) {
      const cause = new Error("its stream was removed meanwhile")
      return yield* new DeadLetterError({ reason: new Unavailable({ operation: "store", instance, cause }) })
    }
    // They are kept: what is over the bounds can go later too.
    return yield* Effect.orElseSucceed(evict(instance), () => 0)
  })

  const aboutOf = (instance: string, id: string, header: string | undefined) =>
    Effect.mapError(
      letterHeader.decode(header ?? ""),
      (problem) => new DeadLetterError({ reason: new Unreadable({ instance, id, problem }) })
    )

  const list: DeadLetters["Service"]["list"] = Effect.fnUntraced(function*(instance, options = {}) {
    const { after, limit = 100, stream } = options
    const from = Number(after ?? 0) + 1
    const most = Math.min(limit, letterHeads.pageSize)
    const { found, more } = yield* letterHeads.read(streams, { instance, stream, from, limit: most })
    const replays = yield* found.length === 0 ? Effect.succeed(new Map<string, number>()) : streams.replays(instance)
    const [letters, unreadable] = yield* Effect.partition(found, (message) => {
      const id = String(message.seq)
      return Effect.map(
        aboutOf(instance, id, message.headers?.get(letterHeader.headerName)),
        ({ here: _, ...about }): Summary => ({ ...about, id, replays: replays.get(id) ?? 0 })
      )
    })
    const last = found.at(-1)
    return { letters, unreadable, ...(more && last !== undefined ? { next: String(last.seq) } : {}) }
  })

  const get = Effect.fnUntraced(function*(
    instance: string,
    id: string
  ): Effect.fn.Return<Option.Option<DeadLetter>, DeadLetterError> {
    if (!/^[1-9][0-9]{0,14}$/.test(id)) return Option.none()
    const head = yield* streams.message(instance, Number(id))
    if (head === undefined || head === null || !streams.isLetter(instance, head.subject)) {
      return Option.none()
    }
    const { here, ...about } = yield* aboutOf(instance, id, head.header.get(letterHeader.headerName))
    const replays = (yield* streams.replays(instance, id)).get(id) ?? 0
    if (here === about.byteLength) return Option.some({ ...about, id, replays, bytes: head.data })
    const tail = yield* streams.last(instance, streams.tailSubject(instance, id))
    const bytes = new Uint8Array(about.byteLength)
    if (tail === undefined || tail === null || head.data.length + tail.data.length !== bytes.length) {
      return yield* new DeadLetterError({
        reason: new Unreadable({ instance, id, problem: "the rest of its bytes is not there" })
      })
    }
    bytes.set(head.data)
    bytes.set(tail.data, head.data.length)
    return Option.some({ ...about, id, replays, bytes })
  })

  const replay: DeadLetters["Service"]["replay"] = Effect.fnUntraced(function*(instance, id, { again = false } = {}) {
    const found = yield* get(instance, id)
    if (Option.isNone(found)) return yield* new DeadLetterError({ reason: new NotFound({ instance, id }) })
    const letter = found.value
    const { channel, key, replays } = letter
    if (replays > 0 && !again) return { outcome: "before", replays }
    const outcome = yield* Effect.mapError(
      streams.ask(instance, "replay", (session) => letterReplay.publish(session, letter)),
      ({ reason }) =>
        new DeadLetterError({
          reason: new NotReplayed({ channel, id, cause: reason._tag === "Unavailable" ? reason.cause : reason })
        })
    )
    if (outcome === undefined) return yield* new DeadLetterError({ reason: new NobodyListens({ channel, id }) })
    yield* streams.ask(
      instance,
      "mark",
      ({ js }) => js.publish(streams.replaySubject(instance, id), "", { msgID: `replayed-${key}-${replays + 1}` })
    )
    return { outcome, replays: replays + 1 }
  })

  const purge: DeadLetters["Service"]["purge"] = (instance, which) => letterPurge.purge(streams, instance, which)

  return { place: "jetstream", add, list, get, replay, purge, sweep: evict }
}
