/**
 * What can be seen of a connector while it is served: numbers and states, and nothing that could be changed.
 *
 * @since 0.1.0
 */
import { Connector, type Guarantee } from "@kps/connector"
import type { PlatformTransport, Transport } from "@kps/transport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Phase } from "./Health.ts"
import type { StreamReading } from "./StreamSpec.ts"

export type { Phase } from "./Health.ts"

/**
 * A connector that is being served, to look at.
 *
 * **Details**
 *
 * Everything is read at the moment it is asked for, from numbers that are kept anyway: looking costs the streams
 * nothing. All of it is synchronous.
 *
 * @category models
 * @since 0.1.0
 */
export interface Insight {
  readonly connectorId: string
  /** Name and version of its class. */
  readonly name: string
  readonly version: string
  /** Where the server is in its life. */
  readonly phase: Effect.Effect<Phase>
  /** The streams, then those that were removed lately. */
  readonly streams: Effect.Effect<ReadonlyArray<StreamReading>>
  /** How its channels go: over core NATS, or stored by JetStream. */
  readonly channels: PlatformTransport.Kind
  /** The connection to the platform's broker. */
  readonly connection: Effect.Effect<Transport.ConnectionStatus>
  /** What went through that connection. */
  readonly transport: Effect.Effect<Transport.TransportStats>
}

/**
 * One stream as `GET /streams` shows it. Removed streams are not among them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Watched {
  readonly connectorId: string
  readonly id: string
  readonly direction: StreamReading["direction"]
  readonly state: StreamReading["state"]
  readonly inFlight: number
  readonly channel?: string
  /** Absent while the stream does not run, and until the broker has told its part. */
  readonly guarantee?: Guarantee.Guarantee & { readonly facts: Guarantee.Facts }
  /** As of `StreamReading`. */
  readonly deliverP99Millis?: number
}

/**
 * The streams of a connector with what they promise.
 *
 * @category getters
 * @since 0.1.0
 */
export const watched = ({ connectorId, streams }: Insight): Effect.Effect<ReadonlyArray<Watched>> =>
  Effect.map(
    streams,
    (readings) =>
      readings.flatMap(({ channel, deliverP99Millis, direction, guarantee: facts, id, inFlight, state }) =>
        state === "Removed" ? [] : [{
          connectorId,
          id,
          direction,
          state,
          inFlight,
          ...(channel === undefined ? {} : { channel }),
          ...(facts === undefined ? {} : { guarantee: { ...Connector.guarantee(facts), facts } }),
          ...(deliverP99Millis === undefined ? {} : { deliverP99Millis })
        }]
      )
  )

/**
 * Who is shown each connector that begins to be served, until the scope ends: after it has drained.
 *
 * **Details**
 *
 * A reference, so that serving needs nobody who looks. Default: nobody.
 *
 * @category references
 * @since 0.1.0
 */
export const Observer: Context.Reference<Observe> = Context.Reference<Observe>("@kps/server/Insight/Observer", {
  defaultValue: () => () => Effect.void
})

/**
 * Is shown a connector, until the scope ends.
 *
 * @category models
 * @since 0.1.0
 */
export type Observe = (insight: Insight) => Effect.Effect<void, never, Scope.Scope>

/**
 * Service that knows the connectors of this process.
 *
 * @category services
 * @since 0.1.0
 */
export class Insights extends Context.Service<Insights, {
  /** Those that are being served; those that have ended, too, until another one begins: their last numbers are read. */
  readonly current: () => ReadonlyArray<Insight>
}>()("@kps/server/Insight/Insights") {}

/**
 * Layer of `Insights`, which is the `Observer` of every connector that the layer is provided to.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Insights> = Layer.effectContext(Effect.sync(() => {
  const served = new Set<Insight>()
  const ended = new Set<Insight>()
  const observe: Observe = (insight) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        ended.clear()
        served.add(insight)
      }),
      () =>
        Effect.sync(() => {
          served.delete(insight)
          ended.add(insight)
        })
    )
  return Context.make(Insights, { current: () => [...served, ...ended] }).pipe(Context.add(Observer, observe))
}))
