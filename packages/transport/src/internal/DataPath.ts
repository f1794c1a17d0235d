/** How messages get onto a connection and off it: the client's public way, and what another one has to do. */
import { TransportCodec } from "@kps/idl"
import type { MsgHdrs, NatsConnection, Subscription } from "@nats-io/transport-node"
import type { ChannelName } from "../Channel.ts"
import type { Taker } from "./fast/ChunkParser.ts"

export interface DataPath {
  readonly name: "fast" | "client"
  /** Whether so much waits to be written that publishing had better wait too. */
  readonly isFull: () => boolean
  /**
   * Hands over one message, encoded in `byteLength` bytes, in order with everything else that is sent through the
   * client. May throw when the connection is closed: what is handed over then is lost, as what is on its way.
   */
  readonly publish: (
    channel: ChannelName,
    timestamp: TransportCodec.Halves,
    payloads: ReadonlyArray<Uint8Array>,
    byteLength: number
  ) => void
  /**
   * Hands over one message with headers, which are given as they are on the wire, with a subject for its answer. Otherwise
   * as `publish`.
   */
  readonly publishHeaded: (channel: ChannelName, reply: string, headers: string, body: Uint8Array) => void
  /** Hands over a message that is ASCII text. Otherwise as `publish`. */
  readonly publishText: (subject: string, text: string) => void
  /**
   * From now on the taker, an inbox mostly, is fed with what comes for the subscription, which was just made. What it
   * does not take still goes to the callback.
   */
  readonly feed: (subscription: Subscription, taker: Taker) => void
  /** The connection is over: what was not written yet is let go. */
  readonly close: () => void
}

/** By the client's `publish`, and the callbacks of its subscriptions. */
export const client = (connection: NatsConnection): DataPath => ({
  name: "client",
  isFull: () => false,
  publish: (channel, timestamp, payloads) =>
    connection.publish(channel, TransportCodec.encodeHalves(timestamp, payloads)),
  publishHeaded: (channel, reply, headers, body) =>
    connection.publish(channel, body, { reply, headers: block(headers) }),
  publishText: (subject, text) => connection.publish(subject, text),
  // its callback does
  feed: () => undefined,
  close: () => undefined
})

/** Headers as the client's `publish` takes them: all that it does with them is to encode them. */
const block = (headers: string): MsgHdrs =>
  // the client's own class is slower than everything else here
  ({ encode: () => Buffer.from(headers) }) as unknown as MsgHdrs

const paths = new WeakMap<NatsConnection, DataPath>()

/** The path of this connection is known to whoever has the connection. */
export const register = (connection: NatsConnection, path: DataPath): void => void paths.set(connection, path)

export const of = (connection: NatsConnection): DataPath => paths.get(connection) ?? client(connection)
