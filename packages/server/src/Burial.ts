/**
 * Puts what cannot be delivered into the dead-letter store.
 *
 * @since 0.1.0
 */
import type { Delivery } from "@kps/connector"
import type { TransportError } from "@kps/transport"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Letter } from "./DeadLetters.ts"
import { cut } from "./internal/text.ts"
import type { Fault } from "./StreamFault.ts"
import type { Supervision } from "./Supervision.ts"

/** How long a store that cannot be reached is left alone. */
const tryAgainMillis = 1_000

/**
 * An item that is given up.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dead {
  readonly item: Delivery.Outgoing
  readonly fault: Fault
  /** When its first try failed, and its last: milliseconds since the Unix epoch. */
  readonly firstTriedMillis: number
  readonly lastTriedMillis: number
}

/**
 * Succeeds when all of them are kept. While the store cannot be reached it waits, and an alert says so.
 *
 * @category constructors
 * @since 0.1.0
 */
export const items = (dead: ReadonlyArray<Dead>, stream: Supervision): Effect.Effect<void> =>
  Effect.suspend(() => {
    const letters = dead.map(({ fault, firstTriedMillis, item, lastTriedMillis }): Letter => ({
      ...common(stream),
      kind: "payload",
      bytes: item.payload,
      timestampNanos: item.timestamp,
      key: item.id,
      tag: fault.tag,
      cause: fault.message,
      attempts: item.attempt,
      firstTriedMillis,
      lastTriedMillis
    }))
    return Effect.map(store(letters, stream), () => {
      for (const { fault } of dead) stream.report.deadLetteredItem(fault.message)
    })
  })

/**
 * As `items`, for a frame that is no `TransportMessage`. `key` is of this frame alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const frame = (
  bytes: Uint8Array,
  key: string,
  error: TransportError.TransportError,
  stream: Supervision
): Effect.Effect<void> =>
  Effect.suspend(() => {
    const now = stream.clock.currentTimeMillisUnsafe()
    const cause = cut(error.message)
    const letter: Letter = {
      ...common(stream),
      kind: "frame",
      bytes,
      timestampNanos: 0n,
      key,
      tag: error.reason._tag,
      cause,
      attempts: 0,
      firstTriedMillis: now,
      lastTriedMillis: now
    }
    return Effect.map(store([letter], stream), () => stream.report.deadLetteredFrame(cause))
  })

const common = ({ instance, streamId, transport }: Supervision) => ({
  instance,
  stream: streamId,
  channel: transport.channel,
  // A channel's message has none that reach us.
  headers: []
})

const store = Effect.fnUntraced(function*(
  letters: ReadonlyArray<Letter>,
  { deadLetters, report }: Supervision
): Effect.fn.Return<void> {
  if (!Arr.isReadonlyArrayNonEmpty(letters)) return
  while (true) {
    const result = yield* Effect.result(deadLetters.add(letters))
    if (result._tag === "Success") {
      if (result.success > 0) report.deadLettersEvicted(result.success)
      return yield* report.deadLettersKept
    }
    yield* report.deadLettersHeld(result.failure, letters.length)
    yield* Effect.sleep(tryAgainMillis)
  }
})
