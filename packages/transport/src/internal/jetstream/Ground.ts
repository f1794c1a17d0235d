/** What everything on one connection to JetStream shares. */
import type { NatsConnection as Client } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type { ChannelName } from "../../Channel.ts"
import type { ConsumerOptions } from "../../JetStream.ts"
import type { TransportError } from "../../TransportError.ts"
import type { Counters } from "../Counters.ts"
import type { JetStreamCounters } from "./counters.ts"
import type { Session, SessionOver } from "./Session.ts"
import type { Sessions } from "./Sessions.ts"
import type { StreamState } from "./streams.ts"

/** Looked at from time to time, for answers that do not come. */
export interface Watched {
  readonly check: () => void
}

export interface Ground {
  readonly sessions: Sessions
  /** The client of the moment; fails while the broker is away. */
  readonly connected: Effect.Effect<Client, TransportError>
  /** Fails with why the connection that was just there is not. */
  readonly away: Effect.Effect<never, TransportError>
  readonly ensure: (session: Session, channel: ChannelName) => Effect.Effect<StreamState, TransportError | SessionOver>
  readonly counters: Counters
  readonly stats: JetStreamCounters
  readonly watched: Set<Watched>
  /** Milliseconds from any start. */
  readonly now: () => number
  readonly maxUnconfirmedMessages: number
  readonly maxUnconfirmedBytes: number
  readonly maxBufferedPayloads: number
  readonly maxBufferedBytes: number
  readonly ackMillis: number
  readonly drainMillis: number
  readonly ordered: boolean
  /** How consumers are made where their own options do not say. */
  readonly group: Pick<ConsumerOptions, "ackWait" | "maxAckPending">
}

/** Runs something on the session of the moment; fails when that breaks meanwhile, or is not there. */
export const withSession = <A>(
  ground: Ground,
  use: (session: Session) => Effect.Effect<A, TransportError | SessionOver>
): Effect.Effect<A, TransportError> =>
  ground.connected.pipe(
    Effect.andThen(ground.sessions.await),
    Effect.flatMap(use),
    Effect.catchTag("SessionOver", () => ground.away)
  )
