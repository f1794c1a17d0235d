/**
 * One stream that the platform asked for, checked and decoded.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import type { Connector, Failure, Guarantee } from "@kps/connector"
import type { Channel } from "@kps/transport"

/**
 * A stream as it should run.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamSpec {
  readonly id: string
  readonly direction: Connector.StreamDirection
  readonly channel: Channel.ChannelName
  /** What the definition's `stream` schema decoded. */
  readonly parameters: unknown
  /** What GetPayload reports as metadata: `parameters` encoded, defaults filled in, secrets redacted. */
  readonly metadata: JsonObject
}

/**
 * Why a stream does not run.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamFailure {
  /** The tag of the author's error, or of ours: the `reason` of the ErrorInfo detail. */
  readonly tag: string
  readonly code: Code
  readonly message: string
  /** Milliseconds until the next try; absent when the stream is halted. */
  readonly retryInMillis?: number
}

/**
 * The codes a stream can fail with: those of the failures table are among them.
 *
 * @category models
 * @since 0.1.0
 */
export type Code = Failure.Code

/**
 * How a stream that a SetPayload named came out within the time there was.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamOutcome =
  | { readonly _tag: "Running"; readonly streamId: string }
  | { readonly _tag: "Failed"; readonly streamId: string; readonly failure: StreamFailure }
  /** It is another replica that knows. */
  | { readonly _tag: "Standby"; readonly streamId: string }

/**
 * What a stream is doing now.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamState =
  /** Opening for the first time since it was asked for. */
  | { readonly _tag: "Starting" }
  /** Outside opened and, for an egress stream, the subscription confirmed by the broker. */
  | { readonly _tag: "Running"; readonly sinceMillis: number }
  /** Waiting for the next try. */
  | { readonly _tag: "Retrying"; readonly failure: StreamFailure }
  /** Given up until a SetPayload names it again. */
  | { readonly _tag: "Halted"; readonly failure: StreamFailure }
  /** Its source ended by itself. */
  | { readonly _tag: "Done" }
  /** Another replica holds its lease and runs it; this one does when that one does no more. */
  | { readonly _tag: "Standby" }

/**
 * What went through one stream since it was asked for with its direction: over its retries and restarts. Kept for five
 * minutes when it is removed, should it come back.
 *
 * **Details**
 *
 * Counts of payloads, exact, and never going down. What is in flight is in no count but `received`: when nothing is,
 * an egress stream has `received = delivered + dropped + deadLettered`, an ingress stream `received = published + dropped` as long as
 * nothing was `uncertain`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamStats {
  /** Ingress: read from outside. Egress: taken from the channel. */
  readonly received: number
  /** Ingress: handed to the transport; one that had to be handed over again counts again. */
  readonly published: number
  /** Egress: taken by the sink. */
  readonly delivered: number
  /** Egress: not taken by the sink, counted at every try. */
  readonly failed: number
  /** Given up for good: too large, dropped by the failures table, or in hand when the stream stopped. */
  readonly dropped: number
  /** Egress: could not be delivered, and are kept as dead letters. Frames that are no message are not among them. */
  readonly deadLettered: number
  /** Egress: older dead letters, of any stream, that had to make room for those of this one. */
  readonly evicted: number
  /**
   * Ingress: published, and not confirmed by the broker when the connection broke: they may have arrived or not. An
   * acknowledged or resumable source has them published again.
   */
  readonly uncertain: number
  /** Egress: frames that are no `TransportMessage`, skipped. */
  readonly malformed: number
  /** Egress: messages that the transport dropped before this stream took them, since it was too slow. */
  readonly overflowed: number
}

/**
 * How one stream is at this moment, for whoever watches it.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamReading {
  readonly id: string
  readonly direction: Connector.StreamDirection
  /** `Removed`: nobody asks for it any more. */
  readonly state: StreamState["_tag"] | "Removed"
  readonly stats: StreamStats
  /** Payloads that were taken, from outside or from the channel, and are not done with. */
  readonly inFlight: number
  /** Absent when it is removed. */
  readonly channel?: string
  /** What its guarantee follows from: absent while it does not run, and until the broker has told its part. */
  readonly guarantee?: Guarantee.Facts
  /**
   * Egress: how long the sink takes for a batch, in milliseconds: 99 of 100 of the last five to ten minutes are no
   * longer, up to a fifth. Absent when there was none.
   */
  readonly deliverP99Millis?: number
}
