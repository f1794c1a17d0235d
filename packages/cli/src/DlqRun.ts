/**
 * What `kps dlq` does at the broker. Loaded when it is asked for.
 *
 * @since 0.1.0
 */
import { DeadLetterError, DeadLetters } from "@kps/server"
import * as JetStreamDeadLetters from "@kps/server/JetStreamDeadLetters"
import type { TransportError } from "@kps/transport"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as NatsLayer from "./NatsLayer.ts"

/**
 * The dead letters of the connectors at this broker.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: {
  readonly nats: string
  readonly prefix: string
}): Layer.Layer<DeadLetters.DeadLetters, TransportError.TransportError | Config.ConfigError> =>
  JetStreamDeadLetters.layer({ prefix: options.prefix }).pipe(Layer.provide(NatsLayer.layer(options.nats)))

type Page = DeadLetters.Page

/**
 * All letters of a connector, or of one stream, from after one on, at most `limit`.
 *
 * @category operations
 * @since 0.1.0
 */
export const list = Effect.fnUntraced(function*(
  connectorId: string,
  options: { readonly stream?: string | undefined; readonly after?: string | undefined; readonly limit: number }
): Effect.fn.Return<Page, DeadLetterError.DeadLetterError, DeadLetters.DeadLetters> {
  const store = yield* DeadLetters.DeadLetters
  const letters: Array<DeadLetters.Summary> = []
  const unreadable: Array<DeadLetterError.DeadLetterError> = []
  let after = options.after
  while (true) {
    const limit = Math.min(1_000, options.limit - letters.length)
    const page: Page = yield* store.list(connectorId, { stream: options.stream, after, limit })
    letters.push(...page.letters)
    unreadable.push(...page.unreadable)
    after = page.next
    if (after === undefined) return { letters, unreadable }
    if (letters.length >= options.limit) return { letters, unreadable, next: after }
  }
})

/**
 * @category operations
 * @since 0.1.0
 */
export const get = Effect.fnUntraced(function*(
  instance: string,
  id: string
): Effect.fn.Return<DeadLetters.DeadLetter, DeadLetterError.DeadLetterError, DeadLetters.DeadLetters> {
  const found = yield* DeadLetters.DeadLetters.use((store) => store.get(instance, id))
  if (Option.isSome(found)) return found.value
  return yield* new DeadLetterError.DeadLetterError({ reason: new DeadLetterError.NotFound({ instance, id }) })
})

/**
 * What became of the replay of one letter.
 *
 * @category models
 * @since 0.1.0
 */
export interface Replay {
  readonly id: string
  readonly result: Result.Result<DeadLetters.Replayed, DeadLetterError.DeadLetterError>
}

/**
 * Replays letters, one after the other, oldest first. One that cannot be replayed does not keep the others from it; a
 * broker that is away does.
 *
 * @category operations
 * @since 0.1.0
 */
export const replay = Effect.fnUntraced(function*(
  connectorId: string,
  ids: ReadonlyArray<string>,
  again: boolean
): Effect.fn.Return<ReadonlyArray<Replay>, DeadLetterError.DeadLetterError, DeadLetters.DeadLetters> {
  const store = yield* DeadLetters.DeadLetters
  const replays: Array<Replay> = []
  for (const id of ids) {
    const result = yield* Effect.result(store.replay(connectorId, id, { again }))
    if (Result.isFailure(result) && result.failure.reason._tag === "Unavailable") return yield* result.failure
    replays.push({ id, result })
  }
  return replays
})

/**
 * @category operations
 * @since 0.1.0
 */
export const purge = (connectorId: string, which: DeadLetters.Which) =>
  DeadLetters.DeadLetters.use((store) => store.purge(connectorId, which))
