/**
 * How fast messages go through pipelines, from their counters.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"
import type { PipelineTenant } from "../reconciler/PipelineReconciler.ts"

const lingerMillis = 10_000
const windowMillis = 5_000
const noteEvery = "1 second"

interface Note {
  readonly atMillis: number
  readonly received: number
  readonly published: number
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Rates {
  /** Keeps notes of the counters from now on, until ten seconds after the last call. */
  readonly look: Effect.Effect<void>
  /** Over the last five seconds, or as long as notes are kept; 0 while none are. */
  readonly of: (id: string) => { readonly receivedPerSecond: number; readonly publishedPerSecond: number }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  pipelines: Effect.Effect<ReadonlyArray<PipelineTenant>>
): Effect.fn.Return<Rates, never, Scope.Scope> {
  const fiber = yield* FiberHandle.make()
  const notes = new Map<string, Array<Note>>()
  let lookedMillis = 0

  const note = Effect.gen(function*() {
    const atMillis = yield* Clock.currentTimeMillis
    for (const { id, report } of yield* pipelines) {
      if (report === undefined) continue
      const { published, received } = report.counters
      const its = notes.get(id) ?? []
      // It was started anew.
      if ((its.at(-1)?.received ?? 0) > received) its.length = 0
      its.push({ atMillis, received, published })
      while (its.length > 1 && its[0]!.atMillis < atMillis - windowMillis) its.shift()
      notes.set(id, its)
    }
  })
  const noting = Effect.gen(function*() {
    while ((yield* Clock.currentTimeMillis) - lookedMillis < lingerMillis) {
      yield* note
      yield* Effect.sleep(noteEvery)
    }
    notes.clear()
  })

  return {
    look: Effect.gen(function*() {
      lookedMillis = yield* Clock.currentTimeMillis
      yield* FiberHandle.run(fiber, noting, { onlyIfMissing: true })
    }),
    of: (id) => {
      const [first, ...others] = notes.get(id) ?? []
      const last = others.at(-1)
      if (first === undefined || last === undefined) return { receivedPerSecond: 0, publishedPerSecond: 0 }
      const seconds = Math.max(0.001, (last.atMillis - first.atMillis) / 1_000)
      return {
        receivedPerSecond: (last.received - first.received) / seconds,
        publishedPerSecond: (last.published - first.published) / seconds
      }
    }
  }
})
