/** How messages get onto a connection and off it: the client's public way, and what another one has to do. */
import { TransportCodec } from "@kps/idl"
import type { NatsConnection, Subscription } from "@nats-io/transport-node"
import type { ChannelName } from "../Channel.ts"
import type { Inbox } from "./Inbox.ts"

export interface DataPath {
  readonly name: "fast" | "client"
  /** Whether so much waits to be written that publishing had better wait too. */
  readonly isFull: () => boolean
  /**
   * Hands over one message, encoded in `byteLength` bytes, in order with everything else that is sent through the
   * client. Throws when the connection is closed.
   */
  readonly publish: (
    channel: ChannelName,
    timestamp: TransportCodec.Halves,
    payloads: ReadonlyArray<Uint8Array>,
    byteLength: number
  ) => void
  /** From now on the inbox is fed with what comes for the subscription, which was just made. */
  readonly feed: (subscription: Subscription, inbox: Inbox) => void
  /** The connection is over: what was not written yet is let go. */
  readonly close: () => void
}

/** By the client's `publish`, and the callbacks of its subscriptions. */
export const client = (connection: NatsConnection): DataPath => ({
  name: "client",
  isFull: () => false,
  publish: (channel, timestamp, payloads) =>
    connection.publish(channel, TransportCodec.encodeHalves(timestamp, payloads)),
  // its callback does
  feed: () => undefined,
  close: () => undefined
})
