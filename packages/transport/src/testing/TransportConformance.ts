/**
 * The behaviour every `Transport` layer owes its users, as one Vitest suite.
 *
 * @since 0.1.0
 */
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { onSystemClock } from "../internal/broker.ts"
import * as publishing from "../internal/conformance/publishing.ts"
import * as slowness from "../internal/conformance/slowness.ts"
import * as subscribing from "../internal/conformance/subscribing.ts"
import { Transport } from "../Transport.ts"

/**
 * What of the suite is not the same for every transport.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * What becomes of messages for a subscriber that does not read: they are dropped and counted, or they wait where they
   * are kept. Default: "drop".
   */
  readonly unread?: "drop" | "wait"
}

/**
 * Registers the suite for one layer.
 *
 * **Details**
 *
 * The layer has to be connected within 30 seconds of when it is built, takes messages of up to 1 MiB, and is used by nobody
 * else. Runs under `TestClock`.
 *
 * **Example** (Testing a layer)
 *
 * ```ts
 * TransportConformance.suite("memory", Transport.layerMemory)
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const suite = <E>(
  name: string,
  layer: Layer.Layer<Transport, E>,
  { unread = "drop" }: Options = {}
): void =>
  it.layer(Layer.provide(connected, layer), { timeout: "60 seconds" })(`Transport (${name})`, (it) => {
    publishing.cases(it)
    subscribing.cases(it)
    slowness.cases(it, unread)
  })

/** On a loaded machine a layer may be there before its connection is. */
const connected: Layer.Layer<Transport, never, Transport> = Layer.effect(
  Transport,
  Effect.gen(function*() {
    const transport = yield* Transport
    yield* transport.statusChanges.pipe(
      Stream.takeUntil(({ _tag }) => _tag === "Connected"),
      Stream.runDrain,
      Effect.timeoutOption("30 seconds"),
      onSystemClock
    )
    return transport
  })
)
