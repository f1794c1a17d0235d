/**
 * What a pump needs of whoever supervises it.
 *
 * @since 0.1.0
 */
import type { JetStream } from "@kps/transport"
import type * as Clock from "effect/Clock"
import type * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import type { DeadLetters } from "./DeadLetters.ts"
import type * as StreamDelivery from "./StreamDelivery.ts"
import type { Failures, Fault, GivenUp } from "./StreamFault.ts"
import type { StreamReport } from "./StreamReport.ts"
import type { StreamTransport } from "./StreamTransport.ts"

/**
 * One stream as its pump sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Supervision {
  /** Which connector instance it belongs to: its replicas share the name. */
  readonly instance: string
  readonly streamId: string
  readonly transport: StreamTransport
  readonly report: StreamReport
  readonly failures: Failures
  /** What becomes of items that fail. */
  readonly delivery: StreamDelivery.Resolved
  readonly deadLetters: DeadLetters["Service"]
  /** What JetStream keeps for channels; absent where they are not in it. */
  readonly jetStream: JetStream.JetStream["Service"] | undefined
  readonly clock: Clock.Clock
  /** Succeeds when the stream is to take no more and to finish what it has. */
  readonly draining: Deferred.Deferred<void>
  /** Tells of a fault and waits until it is time to try again, in place; fails when there is to be no further try. */
  readonly backOff: (fault: Fault) => Effect.Effect<void, GivenUp>
  /** Something flowed. Only needed when `report.isHealthy` says otherwise. */
  readonly well: Effect.Effect<void>
}
