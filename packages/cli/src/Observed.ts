/**
 * How a broker and its connectors are set up, as it was read.
 *
 * @since 0.1.0
 */
import type { Guarantee } from "@kps/connector"
import type { Explained } from "./Guarantees.ts"

/**
 * A durable reader of a stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface ObservedConsumer {
  readonly name: string
  readonly ackWaitMillis: number
  /** All up to this sequence are acknowledged. */
  readonly ackFloor: number
  /** Messages that are not acknowledged, whether they were delivered or not. */
  readonly unread: number
}

/**
 * A stream of JetStream. Instants are milliseconds since the Unix epoch, of the broker's clock.
 *
 * @category models
 * @since 0.1.0
 */
export interface ObservedStream {
  readonly name: string
  /** A bucket of keys or of objects, and not a stream of messages. */
  readonly isBucket: boolean
  readonly settings: Guarantee.Stored
  /** `null`: that of the server. */
  readonly maxMessageBytes: number | null
  readonly messages: number
  readonly bytes: number
  readonly firstSequence: number
  readonly firstMillis: number
  /** The largest of the last messages; 0 when there are none. */
  readonly largestBytes: number
  readonly consumers: ReadonlyArray<ObservedConsumer>
}

/**
 * What the server tells of itself where its monitoring can be asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface ObservedMonitor {
  readonly connections: number
  readonly maxConnections: number
  /** How far the server's clock is ahead of this one's. */
  readonly skewMillis: number
  /** How far that may be wrong. */
  readonly uncertainMillis: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Observed {
  readonly nowMillis: number
  readonly server: {
    readonly name: string
    readonly version: string
    readonly maxPayloadBytes: number
    readonly jetstream: boolean
    /** Addresses of the cluster that the server tells of. */
    readonly clusterUrls: ReadonlyArray<string>
  }
  /** Addresses that `--nats` names. */
  readonly named: ReadonlyArray<string>
  /** Of the account: how full its stores are. */
  readonly stores: ReadonlyArray<
    { readonly what: "disk" | "memory"; readonly used: number; readonly limit: number | null }
  >
  readonly streams: ReadonlyArray<ObservedStream>
  readonly monitor: ObservedMonitor | undefined
  /** How many replicas of each connector instance are alive, of those with shared state. */
  readonly replicas: ReadonlyMap<string, number>
  /** What connectors said of their streams: by what they share, and the one that was asked. */
  readonly told: ReadonlyArray<Explained>
}
