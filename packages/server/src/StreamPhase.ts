/**
 * What a stream's supervisor is at, and what that is to who asks.
 *
 * @since 0.1.0
 */
import type { TransportError } from "@kps/transport"
import { type Fault, fromTransport, TransportFailed } from "./StreamFault.ts"
import type { StreamFailure, StreamOutcome, StreamState } from "./StreamSpec.ts"

/**
 * What a supervisor is at. Instants are milliseconds since the Unix epoch.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamPhase =
  | { readonly _tag: "Starting" }
  | { readonly _tag: "Running"; readonly since: number }
  | { readonly _tag: "Retrying"; readonly failure: StreamFailure; readonly nextAt: number }
  | { readonly _tag: "Halted"; readonly failure: StreamFailure }
  | { readonly _tag: "Done" }
  | { readonly _tag: "Standby" }

/**
 * A fault as it is told to who asked for the stream.
 *
 * @category constructors
 * @since 0.1.0
 */
export const failure = ({ code, message, tag }: Fault): StreamFailure => ({ tag, code, message })

/**
 * The state at an instant. An open stream without the connection that it needs does not run: it waits for it.
 *
 * @category getters
 * @since 0.1.0
 */
export const state = (
  phase: StreamPhase,
  lost: TransportError.TransportError | undefined,
  now: number
): StreamState => {
  switch (phase._tag) {
    case "Running":
      return lost === undefined
        ? { _tag: "Running", sinceMillis: phase.since }
        : {
          _tag: "Retrying",
          failure: failure(fromTransport(new TransportFailed({ operation: "connect", error: lost })))
        }
    case "Retrying":
      return {
        _tag: "Retrying",
        failure: { ...phase.failure, retryInMillis: Math.max(0, Math.round(phase.nextAt - now)) }
      }
    default:
      return phase
  }
}

/**
 * How a stream in this state came out; nothing while that is open.
 *
 * @category getters
 * @since 0.1.0
 */
export const outcome = (streamId: string, state: StreamState): StreamOutcome | undefined => {
  switch (state._tag) {
    case "Starting":
      return undefined
    case "Running":
    case "Done":
      return { _tag: "Running", streamId }
    case "Standby":
      return { _tag: "Standby", streamId }
    case "Retrying":
    case "Halted":
      return { _tag: "Failed", streamId, failure: state.failure }
  }
}
