/**
 * What the outside system offers, as the connector's `discover` says, never waited for too long.
 *
 * @since 0.1.0
 */
import { type JsonObject, toBinary } from "@bufbuild/protobuf"
import type { Connector } from "@kps/connector"
import { type Events, StreamEvents } from "@kps/events"
import { PayloadSchema } from "@kps/idl"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as MutableHashMap from "effect/MutableHashMap"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { count, cut } from "./internal/text.ts"
import type * as Metadata from "./Metadata.ts"
import * as Payload from "./Payload.ts"
import type { StreamSpec } from "./StreamSpec.ts"

/**
 * A stream on offer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Offered extends Connector.Discovered<unknown> {
  /** `parameters` as GetPayload answers them. */
  readonly metadata: JsonObject
}

/**
 * What is on offer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Discovery {
  /**
   * The offer as it is now, or as it was last known when that is not known within `patience`.
   *
   * **Details**
   *
   * Callers at the same time share one run of `discover`. One that fails or takes too long raises `discoverFailed`,
   * until one succeeds; one that cannot be interrupted is not waited for again, nor is another started beside it.
   */
  readonly offer: (patience: Duration.Duration) => Effect.Effect<ReadonlyArray<Offered>>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly discover: Connector.Bound<unknown, unknown>["discover"]
  readonly stream: Metadata.Metadata
  readonly events: Events.Events["Service"]
  /** After this long a run is given up. */
  readonly timeout: Duration.Duration
}

/**
 * The most that is offered: more would make a reply that callers refuse.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxOffered = 10_000

/**
 * The most that is offered, encoded, in bytes: 3 MiB of the 4 that callers read. The rest is for the streams asked for.
 *
 * @category constants
 * @since 0.1.0
 */
export const maxOfferedBytes: number = 3 << 20

/** Field number and length of a payload in its reply. */
const frameBytes = 5

const byteLength = (stream: Offered): number =>
  frameBytes +
  toBinary(PayloadSchema, Payload.ofStream({ ...stream, channel: "", subscribed: false, discovered: true })).length

/** One run of `discover`: settled when there is a result, or when it was given up. */
interface Run {
  readonly settled: Deferred.Deferred<void>
}

/**
 * Makes the discovery of a connector. A run lives in the scope, not in the call that started it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<Discovery, never, Scope.Scope> {
  if (Option.isNone(options.discover)) return { offer: () => Effect.succeed([]) }
  const discover = Effect.scoped(options.discover.value)
  const { events, timeout } = options
  const runs = yield* FiberSet.make<void>()
  let last: ReadonlyArray<Offered> = []
  let current: Run | undefined
  let failures = 0
  let failingSince = 0

  const fail = Effect.fnUntraced(function*(cause: Cause.Cause<unknown>) {
    if (failures++ === 0) failingSince = yield* Clock.currentTimeMillis
    yield* events.raise(StreamEvents.discoverFailed, {
      metadata: StreamEvents.failure({ cause, since: DateTime.makeUnsafe(failingSince), attempts: failures })
    })
  })

  const succeed = Effect.fnUntraced(function*(found: ReadonlyArray<Connector.Discovered<unknown>>) {
    const offered = new Map<string, Offered>()
    let bytes = 0
    for (const stream of found.slice(0, maxOffered)) {
      if (stream.id === "" || offered.has(stream.id)) continue
      const one = { ...stream, metadata: yield* options.stream.show(stream.parameters) }
      bytes += byteLength(one)
      if (bytes > maxOfferedBytes) break
      offered.set(stream.id, one)
    }
    last = [...offered.values()]
    const left = found.length - last.length
    if (left > 0) return yield* fail(Cause.fail(tooMuch(left)))
    if (failures === 0) return
    failures = 0
    yield* events.clear(StreamEvents.discoverFailed)
  })

  const run = Effect.fnUntraced(function*(run: Run) {
    // Apart from this fiber: one that cannot be interrupted must not keep the scope from closing.
    const fiber = yield* Effect.forkDetach(discover)
    yield* Effect.gen(function*() {
      const exit = yield* Effect.timeoutOption(Fiber.await(fiber), timeout)
      if (Option.isSome(exit)) {
        yield* Exit.isSuccess(exit.value) ? succeed(exit.value.value) : fail(exit.value.cause)
        return
      }
      fiber.interruptUnsafe()
      yield* fail(Cause.fail(tooSlow(timeout)))
      yield* Deferred.succeed(run.settled, undefined)
      yield* Fiber.await(fiber)
    }).pipe(
      // What cannot be shown is a bug of the connector, and told as one of its failures.
      Effect.catchDefect((defect) => fail(Cause.die(defect))),
      Effect.onInterrupt(() => Effect.sync(() => fiber.interruptUnsafe())),
      Effect.ensuring(Effect.suspend(() => {
        current = undefined
        return Deferred.succeed(run.settled, undefined)
      }))
    )
  })

  return {
    offer: Effect.fnUntraced(function*(patience) {
      const started = current
      const settled = started?.settled ?? (yield* Deferred.make<void>())
      if (started === undefined) {
        current = { settled }
        yield* FiberSet.run(runs, run(current))
      }
      yield* Effect.timeoutOption(Deferred.await(settled), patience)
      return last
    })
  }
})

/**
 * Tells which requested streams are on offer, and what else is.
 *
 * **Details**
 *
 * A requested stream is the offered one of its id; without one of its id, the one with its direction and equal
 * parameters. `others` is what no requested stream stands for.
 *
 * @category getters
 * @since 0.1.0
 */
export const match = (
  requested: ReadonlyArray<Pick<StreamSpec, "id" | "direction" | "parameters">>,
  offered: ReadonlyArray<Offered>
): { readonly discovered: ReadonlySet<string>; readonly others: ReadonlyArray<Offered> } => {
  const byId = new Map(offered.map((stream) => [stream.id, stream]))
  const byParameters = MutableHashMap.fromIterable(
    offered.toReversed().map((stream) => [keyOf(stream), stream] as const)
  )
  const discovered = new Set<string>()
  const told = new Set<Offered>()
  for (const spec of requested) {
    const stream = byId.get(spec.id) ?? Option.getOrUndefined(MutableHashMap.get(byParameters, keyOf(spec)))
    if (stream === undefined) continue
    discovered.add(spec.id)
    told.add(stream)
  }
  return { discovered, others: offered.filter((stream) => !told.has(stream)) }
}

/** Compared by value. */
const keyOf = ({ direction, parameters }: Pick<StreamSpec, "direction" | "parameters">) => ({ direction, parameters })

const tooSlow = (timeout: Duration.Duration) => `discover gave no answer within ${Duration.format(timeout)}`

const tooMuch = (left: number) =>
  cut(
    `discover offers ${count(left, "stream")} that cannot be listed: without an id, with the id of another, or ` +
      `beyond the first ${maxOffered} or ${maxOfferedBytes >> 20} MiB`
  )
