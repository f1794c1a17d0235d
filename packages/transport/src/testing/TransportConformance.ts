/**
 * The behaviour every `Transport` layer owes its users, as one Vitest suite.
 *
 * @since 0.1.0
 */
import { it } from "@effect/vitest"
import type * as Layer from "effect/Layer"
import * as publishing from "../internal/conformance/publishing.ts"
import * as slowness from "../internal/conformance/slowness.ts"
import * as subscribing from "../internal/conformance/subscribing.ts"
import type { Transport } from "../Transport.ts"

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
 * The layer has to be connected when it is built, takes messages of up to 1 MiB, and is used by nobody else. Needs no
 * clock: it runs under `TestClock`.
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
  it.layer(layer)(`Transport (${name})`, (it) => {
    publishing.cases(it)
    subscribing.cases(it)
    slowness.cases(it, unread)
  })
