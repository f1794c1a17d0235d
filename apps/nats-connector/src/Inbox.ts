/**
 * The bounded buffer between a subscription's callback and the stream that is read from it.
 *
 * The callback of a connection that many streams share cannot wait, so what does not fit is dropped, and counted
 * exactly. Nothing is built per message but its place in an array.
 */
import type * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

export interface Options {
  /** How many payloads are kept at most. */
  readonly maxPayloads: number
  /** How many bytes the kept payloads may hold on to. */
  readonly maxBytes: number
}

export interface Inbox<E> {
  /** Takes a payload, or drops and counts it. */
  readonly offer: (payload: Uint8Array) => void
  /** Ends the stream with an error, after what is still kept. */
  readonly fail: (error: E) => void
  /** Ends the stream after what is still kept. What is offered later is not taken, and not counted. */
  readonly end: () => void
  /** What was offered, array by array, without copies. To be run by one reader at a time. */
  readonly payloads: Stream.Stream<Uint8Array, E>
  /** How many were dropped so far. */
  readonly dropped: () => number
  /** How many are kept now. */
  readonly kept: () => number
  /** Succeeds with the count of the dropped as soon as it is over `count`. For one caller at a time. */
  readonly droppedBeyond: (count: number) => Effect.Effect<number>
}

interface Chunk {
  readonly payloads: Array<Uint8Array>
  bytes: number
}

/** So that a reader who is behind is given work in pieces, and what it has been given is not counted twice for long. */
const chunkLength = 1024

export const make = <E>(options: Options): Inbox<E> => {
  type Take = Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, E>
  const chunks: Array<Chunk> = []
  let kept = 0
  let bytes = 0
  let dropped = 0
  let pinned: ArrayBufferLike | undefined
  let ended: Take | undefined
  let reader: ((effect: Take) => void) | undefined
  let waking = false
  let watcher: { readonly count: number; readonly resume: (effect: Effect.Effect<number>) => void } | undefined

  const take = (): Take | undefined => {
    const chunk = chunks.shift()
    if (chunk !== undefined) {
      kept -= chunk.payloads.length
      bytes -= chunk.bytes
      // one cast: a chunk is made together with its first payload
      return Effect.succeed(chunk.payloads as Arr.NonEmptyArray<Uint8Array>)
    }
    return ended
  }

  // All messages of one read of the socket come in one turn: the reader gets them as one array.
  const wake = (): void => {
    if (reader === undefined || waking) return
    waking = true
    queueMicrotask(() => {
      waking = false
      if (reader === undefined) return
      const taken = take()
      if (taken === undefined) return
      const resume = reader
      reader = undefined
      resume(taken)
    })
  }

  const pull: Take = Effect.callback<Arr.NonEmptyReadonlyArray<Uint8Array>, E | Cause.Done>((resume) => {
    const taken = take()
    if (taken !== undefined) return resume(taken)
    reader = resume
    return Effect.sync(() => {
      reader = undefined
    })
  })

  const end = (how: Take): void => {
    if (ended !== undefined) return
    ended = how
    wake()
  }

  return {
    offer: (payload) => {
      if (ended !== undefined) return
      let last = chunks.at(-1)
      if (last !== undefined && last.payloads.length >= chunkLength) last = undefined
      // A view keeps the whole buffer it is a view of, which neighbours share: that is counted once a chunk.
      const cost = last !== undefined && payload.buffer === pinned ? 0 : payload.buffer.byteLength
      if (kept > 0 && (kept >= options.maxPayloads || bytes + cost > options.maxBytes)) {
        dropped += 1
        if (watcher !== undefined && dropped > watcher.count) {
          const { resume } = watcher
          watcher = undefined
          queueMicrotask(() => resume(Effect.sync(() => dropped)))
        }
        return
      }
      pinned = payload.buffer
      kept += 1
      bytes += cost
      if (last === undefined) chunks.push({ payloads: [payload], bytes: cost })
      else {
        last.payloads.push(payload)
        last.bytes += cost
      }
      wake()
    },
    fail: (error) => end(Effect.fail(error)),
    end: () => end(Cause.done()),
    payloads: Stream.fromPull(Effect.succeed(pull)),
    dropped: () => dropped,
    kept: () => kept,
    droppedBeyond: (count) =>
      Effect.callback((resume) => {
        if (dropped > count) return resume(Effect.sync(() => dropped))
        watcher = { count, resume }
        return Effect.sync(() => {
          watcher = undefined
        })
      })
  }
}
