/**
 * Streams as the suite asks for them, and as the connector lists them.
 *
 * @since 0.1.0
 */
import { create, type JsonObject } from "@bufbuild/protobuf"
import { type GetPayloadResponse, type Payload, PayloadSchema, StreamDirection } from "@kps/idl"

/**
 * @category models
 * @since 0.1.0
 */
export type Direction = "INGRESS" | "EGRESS"

/**
 * A stream of the suite.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestStream {
  /** What `{stream}` stands for in its metadata. */
  readonly name: string
  readonly id: string
  readonly direction: Direction
  readonly channel: string
  readonly metadata: JsonObject
}

/**
 * A stream as GetPayload shows it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listed {
  readonly id: string
  readonly direction: Direction | "UNSPECIFIED"
  readonly channel: string
  readonly metadata: JsonObject
  readonly subscribed: boolean
  readonly discovered: boolean
}

/**
 * A stream as SetPayload takes it; with `changes`, a wrong one.
 *
 * @category converting
 * @since 0.1.0
 */
export const payload = (
  stream: TestStream,
  changes: Partial<{ readonly id: string; readonly direction: number; readonly transportChannel: string }> = {}
): Payload =>
  create(PayloadSchema, {
    object: {
      case: "stream",
      value: {
        id: changes.id ?? stream.id,
        // One cast: a number that is no direction is what a case may be about.
        direction: (changes.direction ?? StreamDirection[stream.direction]) as StreamDirection,
        transportChannel: changes.transportChannel ?? stream.channel,
        metadata: stream.metadata
      }
    }
  })

/**
 * A config as SetPayload takes it.
 *
 * @category converting
 * @since 0.1.0
 */
export const config = (metadata: JsonObject): Payload =>
  create(PayloadSchema, { object: { case: "config", value: { metadata } } })

/**
 * The streams of a reply.
 *
 * @category converting
 * @since 0.1.0
 */
export const listed = (reply: GetPayloadResponse): ReadonlyArray<Listed> =>
  reply.payloads.flatMap(({ object }) => {
    if (object.case !== "stream") return []
    const { direction, discovered, id, metadata = {}, subscribed, transportChannel } = object.value
    return [{
      id,
      direction: direction === StreamDirection.INGRESS
        ? "INGRESS" as const
        : direction === StreamDirection.EGRESS
        ? "EGRESS" as const
        : "UNSPECIFIED" as const,
      channel: transportChannel,
      metadata,
      subscribed,
      discovered
    }]
  })

/**
 * A list in a few words: what is asked for, and whether it runs.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = (streams: ReadonlyArray<Listed>): string =>
  streams.length === 0
    ? "no streams"
    : streams.map(({ channel, discovered, id, subscribed }) =>
      `${id} ${subscribed ? "subscribed" : "not subscribed"}${discovered ? " discovered" : ""} on "${channel}"`
    ).join(", ")
