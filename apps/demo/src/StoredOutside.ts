/**
 * The outside world over JetStream: what it sends is stored and confirmed, what comes out is read from where it is
 * stored.
 *
 * Whatever becomes of the outside broker, each message is stored once and in order: what was not confirmed is sent again
 * on the next connection, before anything else, with the same message id.
 */
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect, headers, type Msg, type NatsConnection } from "@nats-io/transport-node"
import { Clock, Deferred, Effect } from "effect"
import type { Scope } from "effect"
import { type Outside, OutsideFailed, subjectIn, subjectOut } from "./Outside.ts"

/** The streams of the outside broker, one for each subject. */
export const streamIn = "NATS_IN"
export const streamOut = "NATS_OUT"

/** What a message id and where to answer add to a message at most. */
const overheadBytes = 256

/** How long the broker has to confirm a message. */
const confirmMillis = 5_000

/** Counts of what happened on the way in. */
interface Sending {
  /** Messages sent again, since they had not been confirmed. */
  resent: number
  /** Those of them that the broker had. */
  known: number
}

/** Messages that were sent and are not confirmed, in order. */
class Unconfirmed {
  readonly #messages = new Map<number, { readonly data: Uint8Array; atMillis: number }>()
  readonly #sending: Sending
  #client: NatsConnection | undefined
  #inbox = ""

  constructor(sending: Sending) {
    this.#sending = sending
  }

  send(sequence: number, data: Uint8Array): void {
    this.#messages.set(sequence, { data, atMillis: performance.now() })
    this.#publish(sequence, data)
  }

  /** Sends on this connection from now on, and all of it first. */
  begin(client: NatsConnection): void {
    this.#client = client
    this.#inbox = `_INBOX.${crypto.randomUUID()}`
    const { length } = this.#inbox
    client.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#answered(Number(message.subject.slice(length + 1)), message)
      }
    })
    this.#resend()
  }

  end(): void {
    this.#client = undefined
  }

  /** Sends everything again when the oldest has waited too long: the broker refused it, or has forgotten to answer. */
  look(): void {
    const [first] = this.#messages.values()
    if (first !== undefined && performance.now() - first.atMillis > confirmMillis) this.#resend()
  }

  #resend(): void {
    for (const [sequence, message] of this.#messages) {
      message.atMillis = performance.now()
      this.#sending.resent++
      this.#publish(sequence, message.data)
    }
  }

  #publish(sequence: number, data: Uint8Array): void {
    const client = this.#client
    if (client === undefined || client.isClosed()) return
    const given = headers()
    given.set("Nats-Msg-Id", `demo-${sequence}`)
    client.publish(subjectIn, data, { headers: given, reply: `${this.#inbox}.${sequence}` })
  }

  #answered(sequence: number, message: Msg): void {
    // no stream takes it now; what is not confirmed is looked at
    if (message.headers?.code === 503) return
    const { duplicate, error } = message.json<{ readonly duplicate?: boolean; readonly error?: object }>()
    if (error !== undefined) return
    if (duplicate === true) this.#sending.known++
    this.#messages.delete(sequence)
  }
}

/**
 * Connects, and reconnects for ever. `receive` is called for each message that is stored on the subject out, once and in
 * order.
 */
export const make = Effect.fnUntraced(function*(
  url: string,
  receive: (data: Uint8Array, atMicros: number) => void
): Effect.fn.Return<Outside, OutsideFailed, Scope.Scope> {
  const clock = yield* Clock.Clock
  const micros = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000n)
  const sending: Sending = { resent: 0, known: 0 }
  const unconfirmed = new Unconfirmed(sending)
  const first = yield* Deferred.make<number, OutsideFailed>()
  let connected = false
  let read = 0

  // one that breaks is over: the client's own reconnecting would send what is new before what is to be sent again
  const client = Effect.acquireRelease(
    Effect.tryPromise({
      try: () => connect({ servers: url, name: "demo-outside", reconnect: false, timeout: 2_000, pingInterval: 2_000 }),
      catch: (cause) => new OutsideFailed({ url, cause })
    }),
    (client) => Effect.promise(() => client.close())
  )
  const life = Effect.gen(function*() {
    const nc = yield* client
    const reader = yield* Effect.tryPromise({
      try: async () => {
        const { streams } = await jetstreamManager(nc, { timeout: 5_000 })
        await Promise.all(
          ([[streamIn, subjectIn], [streamOut, subjectOut]] as const).map(([name, subject]) =>
            streams.add({ name, subjects: [subject], storage: "file" })
          )
        )
        const consumer = await jetstream(nc).consumers.get(streamOut, {
          deliver_policy: "by_start_sequence",
          opt_start_seq: read + 1
        })
        return await consumer.consume({
          max_messages: 1_000,
          callback: (message) => {
            // a consumer that was made anew begins after what it has delivered itself
            if (message.seq <= read) return
            read = message.seq
            receive(message.data, micros())
          }
        })
      },
      catch: (cause) => new OutsideFailed({ url, cause })
    })
    unconfirmed.begin(nc)
    connected = true
    yield* Deferred.succeed(first, nc.info?.max_payload ?? 0)
    yield* Effect.forkScoped(
      Effect.forever(Effect.andThen(Effect.sleep("1 second"), Effect.sync(() => unconfirmed.look())))
    )
    yield* Effect.promise(() => Promise.race([nc.closed(), reader.closed()]))
  }).pipe(
    Effect.ensuring(Effect.sync(() => {
      connected = false
      unconfirmed.end()
    })),
    Effect.scoped
  )
  yield* life.pipe(
    // what fails before it was connected once ends the start
    Effect.catch((error) => Deferred.fail(first, error)),
    Effect.andThen(Effect.sleep("100 millis")),
    Effect.forever,
    Effect.forkScoped
  )
  const maxPayloadBytes = yield* Deferred.await(first)
  return {
    isConnected: () => connected,
    maxPayloadBytes: maxPayloadBytes - overheadBytes,
    publish: (data, sequence) => unconfirmed.send(sequence, data),
    sending
  }
})
