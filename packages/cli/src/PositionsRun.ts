/**
 * What `kps positions` does at the broker. Loaded when it is asked for.
 *
 * @since 0.1.0
 */
import { Positions, type StateError } from "@kps/server"
import * as JetStreamBuckets from "@kps/server/JetStreamBuckets"
import type { TransportError } from "@kps/transport"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as References from "effect/References"
import type * as Schema from "effect/Schema"
import { NoPosition } from "./CommandError.ts"
import * as NatsLayer from "./NatsLayer.ts"

/**
 * The positions of the connectors that keep their state at this broker.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: {
  readonly nats: string
  readonly prefix: string
}): Layer.Layer<Positions.Positions, TransportError.TransportError | Config.ConfigError> =>
  Positions.layer.pipe(
    Layer.provide(JetStreamBuckets.layer({ prefix: options.prefix })),
    Layer.provide(NatsLayer.layer(options.nats)),
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
  )

/**
 * All positions, or those of one instance; what cannot be read in their place.
 *
 * @category operations
 * @since 0.1.0
 */
export const list = (connectorId: Option.Option<string>) =>
  Positions.Positions.use((positions) => positions.list(Option.getOrUndefined(connectorId)))

/**
 * @category operations
 * @since 0.1.0
 */
export const get = Effect.fnUntraced(function*(
  connectorId: string,
  stream: string
): Effect.fn.Return<Positions.Saved, NoPosition | StateError.StateError, Positions.Positions> {
  const found = yield* Positions.Positions.use((positions) => positions.get(connectorId, stream))
  return Option.isSome(found) ? found.value : yield* new NoPosition({ connectorId, stream })
})

/**
 * Sets a position, whatever is there: also in place of one that cannot be read.
 *
 * @category operations
 * @since 0.1.0
 */
export const set = Effect.fnUntraced(function*(
  connectorId: string,
  stream: string,
  position: Schema.Json
): Effect.fn.Return<Positions.Saved, NoPosition | StateError.StateError, Positions.Positions> {
  const positions = yield* Positions.Positions
  const write = Effect.gen(function*() {
    const before = yield* Effect.result(positions.get(connectorId, stream))
    if (before._tag === "Failure" && before.failure.reason._tag !== "Unreadable") return yield* before.failure
    if (before._tag === "Failure") yield* positions.reset(connectorId, stream)
    const expected = before._tag === "Failure" ? 0 : Option.match(before.success, {
      onNone: () => 0,
      onSome: ({ revision }) => revision
    })
    // It belongs to whatever parameters the stream has.
    yield* positions.set(connectorId, stream, { position, parameters: {} }, expected)
  })
  // A stream that runs saves every second.
  yield* Effect.retry(write, { times: 5, while: ({ reason }) => reason._tag === "Conflict" })
  return yield* get(connectorId, stream)
})

/**
 * @category operations
 * @since 0.1.0
 */
export const reset = (connectorId: string, stream: string) =>
  Positions.Positions.use((positions) => positions.reset(connectorId, stream))
