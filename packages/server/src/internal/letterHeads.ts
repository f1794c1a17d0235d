/** Dead letters without their bytes: what a list shows of them, and a purge looks at. */
import type { ConsumerInfo, JsMsg } from "@nats-io/jetstream"
import * as Effect from "effect/Effect"
import type { DeadLetterError } from "../DeadLetterError.ts"
import { collect } from "./each.ts"
import type { LetterStreams } from "./letterStream.ts"

/** So many are read at a time, at most. */
export const pageSize = 1_000

export interface Wanted {
  readonly instance: string
  /** Default: of all streams. */
  readonly stream: string | undefined
  /** The first sequence to look at. */
  readonly from: number
  readonly limit: number
}

export interface Heads {
  /** Oldest first. */
  readonly found: ReadonlyArray<JsMsg>
  /** Whether there are others behind them. */
  readonly more: boolean
}

export const read = (
  streams: LetterStreams,
  { from, instance, limit, stream }: Wanted
): Effect.Effect<Heads, DeadLetterError> => {
  const consumer = streams.ask(instance, "list", ({ manager }, name) =>
    manager.consumers.add(name, {
      deliver_policy: "by_start_sequence",
      opt_start_seq: from,
      filter_subject: streams.letterSubject(instance, stream),
      ack_policy: "none",
      headers_only: true,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: 30_000_000_000
    }))
  const fetch = (info: ConsumerInfo) => {
    const count = Math.min(limit, info.num_pending)
    const messages = count === 0
      ? Effect.succeed<ReadonlyArray<JsMsg>>([])
      : streams.ask(instance, "list", ({ js }, name) =>
        js.consumers.get(name, info.name)
          .then((consumer) => consumer.fetch({ max_messages: count, expires: streams.timeoutMillis }))
          .then(collect))
    return Effect.map(messages, (found = []) => ({ found, more: info.num_pending > count }))
  }
  return Effect.acquireUseRelease(
    consumer,
    (info) => info === undefined ? Effect.succeed({ found: [], more: false }) : fetch(info),
    (info) =>
      info === undefined
        ? Effect.void
        : Effect.ignore(
          streams.ask(instance, "list", ({ manager }, name) => manager.consumers.delete(name, info.name))
        )
  )
}
