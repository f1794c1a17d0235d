/**
 * What all streams of a connector share.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"
import type { JetStream, Packing } from "@kps/transport"
import type * as Clock from "effect/Clock"
import type { DeadLetters } from "./DeadLetters.ts"
import type { Lease } from "./Lease.ts"
import type { Positions } from "./Positions.ts"
import type * as StreamDelivery from "./StreamDelivery.ts"
import type { Failures } from "./StreamFault.ts"
import type * as StreamGuarantee from "./StreamGuarantee.ts"
import type { StreamSpec } from "./StreamSpec.ts"
import type { Connection } from "./StreamTransport.ts"
import type { Desk } from "./Tally.ts"

/**
 * The connector, its connection, its stores and its options.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamEnvironment {
  readonly instance: string
  readonly bound: Connector.Bound<unknown, unknown>
  readonly failures: Failures
  readonly connection: Connection
  /** By which limits an ingress stream packs, by its id. */
  readonly packingOf: (streamId: string) => Packing.Packing | undefined
  /** What becomes of the items of an egress stream that fail, by its id. */
  readonly deliveryOf: (streamId: string) => StreamDelivery.Resolved
  readonly deadLetters: DeadLetters["Service"]
  /** What JetStream keeps for channels; absent where they are not in it. */
  readonly jetStream: JetStream.JetStream["Service"] | undefined
  /** How the broker keeps channels. Absent: it does not. */
  readonly keeping: StreamGuarantee.Keeping | undefined
  readonly clock: Clock.Clock
  readonly desk: Desk
  /** What a stream gets the lease from that it runs by. Absent: it needs none. */
  readonly leaseOf: (spec: StreamSpec) => Lease["Service"] | undefined
  /** Where positions outlive the process. Absent: nowhere. */
  readonly positions: Positions["Service"] | undefined
}
