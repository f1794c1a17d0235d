/**
 * Whether the connector takes calls: what grpc.health.v1 answers.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"

/**
 * Where a server is in its life. It only goes forward.
 *
 * **Details**
 *
 * `Starting` until the platform's broker was reached once; `Serving` from then on, also while the broker is away again:
 * the connector goes on by itself, and a platform that no longer asked could not read why. `Draining` since it was told
 * to stop; `Stopped` when nobody is to watch any more.
 *
 * @category models
 * @since 0.1.0
 */
export type Phase = "Starting" | "Serving" | "Draining" | "Stopped"

const order: ReadonlyArray<Phase> = ["Starting", "Serving", "Draining", "Stopped"]

/**
 * Knows the phase of one server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Health {
  readonly phase: Effect.Effect<Phase>
  /** The phase now, then each change. Never ends. */
  readonly changes: Stream.Stream<Phase>
  /** Goes forward to a phase; nothing happens when the server is past it. */
  readonly enter: (phase: Phase) => Effect.Effect<void>
}

/**
 * Makes the health of a server that starts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: Effect.Effect<Health> = Effect.map(SubscriptionRef.make<Phase>("Starting"), (ref) => ({
  phase: SubscriptionRef.get(ref),
  changes: SubscriptionRef.changes(ref),
  enter: (phase) =>
    SubscriptionRef.update(ref, (current) => order.indexOf(phase) > order.indexOf(current) ? phase : current)
}))
