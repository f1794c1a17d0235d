/**
 * Where documents are kept: one order of changes for all of them. A change is appended on the condition that it is the
 * next one after what its writer knows, so that whatever a writer has checked beside all other documents still holds when
 * its change is there.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { DocumentError } from "./DocumentError.ts"

/**
 * What is under a key after a change; none: it was removed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly key: string
  /** Above 0, and higher than that of every earlier change of any key. */
  readonly revision: number
  readonly value: Option.Option<Uint8Array>
}

/**
 * What a follower is told: everything that is there, or one more change.
 *
 * @category models
 * @since 0.1.0
 */
export type News =
  | { readonly _tag: "Loaded"; readonly entries: ReadonlyArray<Entry>; readonly revision: number }
  | { readonly _tag: "Changed"; readonly entry: Entry }

/**
 * Service that keeps the changes.
 *
 * @category services
 * @since 0.1.0
 */
export class Journal extends Context.Service<Journal, {
  /**
   * Appends a change if `after` is the revision of the last one of all (0: there is none), and gives its revision; none
   * if another change came first, and nothing was written. A key is made of two tokens with a dot between, of letters,
   * digits, `-`, `_` and `=`. Fails with `Unavailable` or `TooLarge`; after the former it may be there or not.
   */
  readonly append: (
    key: string,
    value: Option.Option<Uint8Array>,
    after: number
  ) => Effect.Effect<Option.Option<number>, DocumentError>
  /**
   * Everything that is there (`Loaded`), then every change in its order. `Loaded` comes again after the place was out of
   * reach, and stands for all that came before. Never ends, and waits while the place cannot be reached. Of changes of
   * one key that follow each other closely, only the last one may come.
   */
  readonly follow: Stream.Stream<News>
}>()("@kps/service-domain/documents/Journal") {}

/**
 * Layer that keeps everything in this process, and forgets it with the layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Journal> = Layer.effect(
  Journal,
  Effect.sync(() => {
    const entries = new Map<string, Entry>()
    const followers = new Set<(news: News) => void>()
    let last = 0
    return {
      append: (key, value, after) =>
        Effect.sync(() => {
          if (after !== last) return Option.none()
          const entry: Entry = { key, value, revision: ++last }
          if (Option.isSome(value)) entries.set(key, entry)
          else entries.delete(key)
          for (const tell of followers) tell({ _tag: "Changed", entry })
          return Option.some(last)
        }),
      follow: Stream.callback<News>((queue) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const tell = (news: News) => void Queue.offerUnsafe(queue, news)
            tell({ _tag: "Loaded", entries: [...entries.values()], revision: last })
            followers.add(tell)
            return tell
          }),
          (tell) => Effect.sync(() => followers.delete(tell))
        ), { bufferSize: Infinity })
    }
  })
)
