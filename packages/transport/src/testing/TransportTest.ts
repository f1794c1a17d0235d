/**
 * The in-memory transport with a broker that a test can send away, bring back and let speak nonsense.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ChannelName } from "../Channel.ts"
import * as memory from "../internal/memory.ts"
import { Transport } from "../Transport.ts"

/**
 * The test's hand on the broker behind `Transport`.
 *
 * @category services
 * @since 0.1.0
 */
export class TransportTest extends Context.Service<TransportTest, {
  /**
   * The broker goes away: status `Disconnected`, publishing, flushing and new subscriptions fail with `NotConnected`.
   * Subscriptions stay and get nothing.
   */
  readonly disconnect: Effect.Effect<void>

  /** The broker is back: status `Connected`; what was published meanwhile is lost. */
  readonly reconnect: Effect.Effect<void>

  /** Puts bytes on a channel as they are. The default is a frame that is no `TransportMessage`. */
  readonly inject: (channel: ChannelName, frame?: Uint8Array) => Effect.Effect<void>
}>()("@kps/transport/testing/TransportTest") {}

// a length-delimited payload that claims 16 bytes and brings none
const malformed = Uint8Array.of(0x1a, 0x10)

/**
 * Layer with the in-memory transport and the control of its broker. Every build has a broker of its own.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Transport | TransportTest> = Layer.effectContext(
  Effect.map(memory.make, ({ deliver, setConnected, transport }) =>
    Context.make(Transport, transport).pipe(
      Context.add(TransportTest, {
        disconnect: setConnected(false),
        reconnect: setConnected(true),
        inject: (channel, frame = malformed) => deliver(channel, frame)
      })
    ))
)
