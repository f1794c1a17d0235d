/**
 * One stream that the platform asked for, checked and decoded.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import type { Connector, Failure } from "@kps/connector"
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
