/**
 * The history of events in NATS JetStream: shared by all processes, and there after a restart.
 *
 * @since 0.1.0
 */
import { NatsConnection } from "@kps/transport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { answered, perConnection } from "../internal/onConnection.ts"
import { Event } from "./Event.ts"
import * as EventHistory from "./EventHistory.ts"
import * as eventStream from "./internal/eventStream.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options extends EventHistory.Bounds {
  /** The most that all events take. The oldest go first. Default: 268,435,456. */
  readonly maxBytes?: number
  /** How many servers of a cluster keep them: 1, 3 or 5. For a stream that is not there yet. Default: 1. */
  readonly replicas?: number
  /** What the name of the stream begins with, before a `-`: letters, digits, `-` and `_`. Default: "kps". */
  readonly prefix?: string
  /** How long an operation is tried while there is no answer. Default: 5 seconds. */
  readonly timeout?: Duration.Input
}

/** One token of a subject, of any text; long ones by what they hash to. */
const token = (text: string): string => {
  const encoded = encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*.~]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`
  )
  const short = encoded.length > 150 ? `=${createHash("sha256").update(text).digest("hex")}` : encoded
  return short.replaceAll("%", "=")
}

const tokensOf = (path: string): ReadonlyArray<string> =>
  path.split("/").filter((segment) => segment !== "").map((segment) => `p-${token(segment)}`)

/** Of all events of one path, type and name. */
const shelfOf = ({ path, properties = {}, type }: Event): string =>
  [...tokensOf(path), `t-${type}`, `n-${token(properties["name"] ?? "")}`].join(".")

const codec = Schema.fromJsonString(Event)
const decode = Schema.decodeUnknownOption(codec)
const encode = Schema.encodeEffect(codec)

/** A shelf is looked at after so many events that this process has put there. */
const trimEvery = 10

/**
 * Layer of the history, over the connection of the NATS transport.
 *
 * **Details**
 *
 * Events are in the stream `kps-events`, in files, each under a subject of its own. The bounds are those of a stream that is
 * made; one that is there is used as it is. Of one path, type and name there may be ten events more than `maxEvents` for
 * each process. Needs nats-server 2.9 or later with JetStream.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<EventHistory.EventHistory, never, NatsConnection.NatsConnection> =>
  Layer.effect(
    EventHistory.EventHistory,
    Effect.map(NatsConnection.NatsConnection, (connection) => {
      const { maxAge = "7 days", maxBytes = 268_435_456, maxEvents = 100, prefix = "kps", replicas = 1 } = options
      const open = perConnection((client) =>
        eventStream.open(client, {
          name: `${prefix}-events`,
          replicas,
          maxAgeMillis: Duration.toMillis(maxAge),
          maxBytes
        })
      )
      const persist = answered(
        connection,
        options.timeout ?? "5 seconds",
        (operation, cause) => new EventHistory.EventHistoryError({ operation, cause })
      )
      const use = <A>(operation: string, run: (stream: eventStream.EventStream) => Promise<A>) =>
        persist(operation, (client) => open(client).then(run))
      /** How many events this process has put on each shelf since it was looked at. */
      const added = new Map<string, number>()

      const trim = (shelf: string) => {
        const count = (added.get(shelf) ?? 0) + 1
        added.set(shelf, count % trimEvery)
        return count < trimEvery
          ? Effect.void
          : use("remove old events", (stream) => stream.trim(`${shelf}.>`, maxEvents))
      }

      const query: EventHistory.EventHistory["Service"]["query"] = (query) =>
        use("read events", (stream) => stream.read([...tokensOf(query.path), ">"].join("."))).pipe(
          Effect.map((all) =>
            EventHistory.select(all.flatMap((bytes) => Option.toArray(decode(new TextDecoder().decode(bytes)))), query)
          )
        )

      return {
        add: (events) =>
          Effect.forEach(events, (event) =>
            Effect.gen(function*() {
              const kept = yield* EventHistory.complete(event)
              const shelf = shelfOf(kept)
              // it has the type of the schema
              const bytes = new TextEncoder().encode(yield* Effect.orDie(encode(kept)))
              yield* use("keep an event", (stream) => stream.put(`${shelf}.i-${token(kept.id)}`, bytes))
              yield* trim(shelf)
              return { id: kept.id }
            })),
        query,
        current: (asked) => Effect.map(query(asked), EventHistory.newest)
      }
    })
  )
