/**
 * Keeps this replica at what the platform asked of its connector instance, whichever replica it asked.
 *
 * @since 0.1.0
 */
import { type Events, StreamEvents } from "@kps/events"
import type { Payload as PayloadMessage } from "@kps/idl"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import type * as ConfigState from "./ConfigState.ts"
import { InvalidPayloads, StateFailed } from "./ContractError.ts"
import type { DesiredState, Versioned } from "./DesiredState.ts"
import { quote } from "./internal/text.ts"
import * as Payload from "./Payload.ts"
import type { RunningStreams } from "./RunningStreams.ts"
import { isConflict, type StateError } from "./StateError.ts"
import * as Violation from "./Violation.ts"

/**
 * What a replica is kept at.
 *
 * @category models
 * @since 0.1.0
 */
export interface DesiredSync {
  /** Succeeds when what is wanted was read for the first time, and is applied. */
  readonly loaded: Effect.Effect<void>
  /**
   * Checks payloads against what is wanted now, and writes what they make of it. For who has the turn, and applies it
   * then.
   *
   * **Details**
   *
   * Not to be interrupted before that: what is written counts as applied. When another replica writes at the same time, it is begun anew with what that one wrote: both end as if one had come
   * after the other. Fails without having written anything, or with `UNAVAILABLE` when that is not known; what was
   * written all the same is applied as another replica's.
   */
  readonly commit: (
    payloads: ReadonlyArray<PayloadMessage>
  ) => Effect.Effect<Payload.Accepted, InvalidPayloads | StateFailed>
  /** The revision that is applied; 0: none. */
  readonly revision: () => number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly connectorId: string
  /** Absent: what is wanted is this process's alone, and ends with it. */
  readonly store: DesiredState["Service"] | undefined
  readonly rules: Payload.Rules
  readonly config: ConfigState.ConfigState
  readonly streams: RunningStreams["Service"]
  readonly events: Events.Events["Service"]
  /** Changes take turns. */
  readonly turn: Semaphore.Semaphore
}

/** How long is waited when it cannot be reached. */
const readAgain = "500 millis"

/** How often a write is begun anew when another replica was faster. */
const maxTries = 10

/**
 * Follows what is wanted as long as the scope is open.
 *
 * **Details**
 *
 * A change is applied without waiting for its streams. A stream that was kept and does not fit the connector any more is
 * not run, and raises `streamRefused`; of a config it is `configRefused`, and the one before stays. What cannot be read
 * changes nothing, and raises `stateUnreadable`. When it is gone, as with the disk of a broker, it is written again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<DesiredSync, never, Scope.Scope> {
  const { config, connectorId, events, rules, store, streams, turn } = options
  const check = (payloads: ReadonlyArray<PayloadMessage>) =>
    Effect.mapError(Payload.accept(payloads, rules), (violations) => new InvalidPayloads({ violations }))
  if (store === undefined) return { loaded: Effect.void, commit: check, revision: () => 0 }

  const loaded = yield* Deferred.make<void>()
  let applied: Versioned = { revision: 0, desired: { config: {}, streams: [] } }
  let refused: Payload.Restored["refused"] = new Map()

  const tell = Effect.fnUntraced(function*(now: Payload.Restored["refused"]) {
    const before = refused
    refused = now
    for (const [streamId, violations] of now) {
      const alert = streamId === "" ? StreamEvents.configRefused : StreamEvents.streamRefused
      const errorMessage = Violation.summary(violations)
      yield* events.raise(alert, { streamId, metadata: StreamEvents.metadata({ errorMessage, streamId }) })
    }
    for (const streamId of before.keys()) {
      if (now.has(streamId)) continue
      yield* events.clear(streamId === "" ? StreamEvents.configRefused : StreamEvents.streamRefused, { streamId })
    }
  })

  const adopt = Effect.fnUntraced(function*(versioned: Versioned) {
    const restored = yield* Payload.restore(versioned.desired, rules)
    if (Option.isSome(restored.config)) yield* config.put(restored.config.value)
    const restart = Option.exists(restored.config, (planned) => planned.restart)
    yield* streams.apply(restored.streams, { timeout: Duration.zero, restart })
    applied = versioned
    yield* tell(restored.refused)
  }, Effect.uninterruptible)

  const commit = Effect.fnUntraced(function*(
    payloads: ReadonlyArray<PayloadMessage>
  ): Effect.fn.Return<Payload.Accepted, InvalidPayloads | StateFailed> {
    for (let tries = 0; tries < maxTries; tries++) {
      const now = yield* Effect.mapError(store.get(connectorId), stateFailed)
      if (Option.exists(now, ({ revision }) => revision !== applied.revision)) yield* adopt(Option.getOrThrow(now))
      const accepted = yield* check(payloads)
      const desired = Payload.toDesired(accepted, payloads, applied.desired)
      const expected = Option.match(now, { onNone: () => 0, onSome: ({ revision }) => revision })
      const written = yield* Effect.result(store.set(connectorId, desired, expected))
      if (Result.isSuccess(written)) {
        applied = { desired, revision: written.success }
        const streamsFit = Option.isSome(accepted.streams)
        const configFits = Option.isSome(accepted.config)
        yield* tell(new Map([...refused].filter(([id]) => id === "" ? !configFits : !streamsFit)))
        return accepted
      }
      if (!isConflict(written.failure)) return yield* stateFailed(written.failure)
    }
    return yield* new StateFailed({
      code: "ABORTED",
      problem: `what is wanted of ${quote(connectorId)} was changed ${maxTries} times while this request was written`
    })
  })

  const unreadable = (error: StateError) =>
    events.raise(StreamEvents.stateUnreadable, { metadata: StreamEvents.metadata({ errorMessage: error.message }) })

  /** What was heard may be old by the time that it is its turn: it is read anew. */
  const catchUp = Effect.gen(function*() {
    const now = yield* store.get(connectorId)
    yield* events.clear(StreamEvents.stateUnreadable)
    if (Option.isSome(now)) {
      if (now.value.revision !== applied.revision) yield* adopt(now.value)
    } else if (applied.revision > 0) {
      const written = yield* Effect.result(store.set(connectorId, applied.desired, 0))
      // A conflict says that another replica was faster: its write is heard of next.
      if (Result.isSuccess(written)) applied = { ...applied, revision: written.success }
    }
  })

  yield* store.changes(connectorId).pipe(
    Stream.runForEach(() =>
      turn.withPermits(1)(catchUp).pipe(
        Effect.retry({ while: ({ reason }) => reason._tag === "Unavailable", schedule: Schedule.spaced(readAgain) }),
        Effect.catch(unreadable),
        Effect.andThen(Deferred.succeed(loaded, undefined))
      )
    ),
    Effect.forkScoped
  )
  return { loaded: Deferred.await(loaded), commit, revision: () => applied.revision }
})

const codes = {
  Unavailable: "UNAVAILABLE",
  Conflict: "ABORTED",
  Unreadable: "FAILED_PRECONDITION",
  ValueTooLarge: "RESOURCE_EXHAUSTED"
} as const

const stateFailed = (error: StateError): StateFailed =>
  new StateFailed({ code: codes[error.reason._tag], problem: error.message })
