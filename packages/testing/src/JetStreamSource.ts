/**
 * What JetStream of an outside broker keeps, for streams that read it acknowledged or from a position on.
 *
 * @since 0.1.0
 */
import type { NatsConnection } from "@kps/transport"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import * as Effect from "effect/Effect"
import { BedFailed, NotApplicable } from "./Outcome.ts"
import type { Source } from "./Subject.ts"
import * as Template from "./Template.ts"

/** The client under the connection, as it is now. */
type Current = Effect.Effect<
  Effect.Success<NatsConnection.NatsConnection["Service"]["current"]>,
  BedFailed
>

const problemOf = (cause: unknown) => cause instanceof Error ? cause.message : String(cause)

const failed = (what: string) => (cause: unknown) => new BedFailed({ problem: `${what}: ${problemOf(cause)}` })

/**
 * Makes a source of a broker: for each stream a stream of JetStream that stores its subject, in memory.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (current: Current, subject: string): Source => ({
  prepare: Effect.fnUntraced(function*(stream) {
    const client = yield* current
    const manager = yield* Effect.tryPromise({
      try: () => jetstreamManager(client),
      catch: (cause) => new NotApplicable({ reason: `the outside broker has no JetStream: ${problemOf(cause)}` })
    })
    const name = `kps-conform-${stream}`
    const subjects = [Template.text(subject, { stream })]
    yield* Effect.acquireRelease(
      Effect.tryPromise({
        try: () => manager.streams.add({ name, subjects, storage: "memory" }),
        catch: failed(`the outside broker makes no stream "${name}" of "${subjects.join()}"`)
      }),
      () => Effect.ignore(Effect.tryPromise(() => manager.streams.delete(name)))
    )
  }),
  feed: Effect.fnUntraced(function*(stream, payloads) {
    const client = yield* current
    const to = jetstream(client)
    yield* Effect.tryPromise({
      try: () => Promise.all(payloads.map((text) => to.publish(Template.text(subject, { stream }), text))),
      catch: failed(`the outside broker does not store a payload of "${stream}"`)
    })
  })
})
