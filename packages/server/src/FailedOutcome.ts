/**
 * Outcomes of streams that did not fail by themselves: the connector is stopping, or something takes too long.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import { quote } from "./internal/text.ts"
import type { StreamFailure, StreamOutcome } from "./StreamSpec.ts"

const failed = (streamId: string, failure: StreamFailure): StreamOutcome => ({ _tag: "Failed", streamId, failure })

/**
 * The connector was told to end.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stopping = (id: string): StreamOutcome =>
  failed(id, { tag: "Stopping", code: "UNAVAILABLE", message: "the connector is stopping" })

/**
 * What ran under the id has not ended.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stopTimedOut = (id: string, within: Duration.Duration): StreamOutcome =>
  failed(id, {
    tag: "StopTimeout",
    code: "DEADLINE_EXCEEDED",
    message: `stream ${quote(id)} did not stop within ${
      Duration.format(within)
    }; nothing starts in its place until it has`
  })

/**
 * The stream is neither open nor refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const startTimedOut = (id: string, within: Duration.Duration): StreamOutcome =>
  failed(id, {
    tag: "StartTimeout",
    code: "DEADLINE_EXCEEDED",
    message: `stream ${quote(id)} has no outcome within ${Duration.format(within)}; it goes on starting`
  })
