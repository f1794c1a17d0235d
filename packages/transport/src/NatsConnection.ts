/**
 * The NATS client under the transport, for what the transport has no words for.
 *
 * @since 0.1.0
 */
import type { NatsConnection as Client } from "@nats-io/transport-node"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { TransportError } from "./TransportError.ts"

/**
 * Service with the client's own connection.
 *
 * **Details**
 *
 * A connection that breaks is closed for good, with everything that was made on it; the next one is another object. So
 * take `current` anew for each piece of work, or follow `changes`. What goes through the client directly is in no
 * statistics of the transport, and must not close or drain the connection.
 *
 * @category services
 * @since 0.1.0
 */
export class NatsConnection extends Context.Service<NatsConnection, {
  /** The connection as it is now. Fails with `NotConnected` while the broker is away. */
  readonly current: Effect.Effect<Client, TransportError>

  /** The connection as it is now, then each change; none while the broker is away. Never ends. */
  readonly changes: Stream.Stream<Option.Option<Client>>
}>()("@kps/transport/NatsConnection") {}
