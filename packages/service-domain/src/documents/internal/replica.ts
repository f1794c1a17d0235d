/** All documents in this process, as the journal tells of them. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { DocumentError, NotFound, Unavailable } from "../DocumentError.ts"
import type { Documents } from "../Documents.ts"
import type { Entry, Journal, News } from "../Journal.ts"
import * as Snapshot from "../Snapshot.ts"
import * as record from "./record.ts"

export interface Replica {
  readonly reading: Pick<Documents["Service"], "changes" | "get" | "list" | "snapshot">
  /** The documents as soon as they are of a revision like that. Fails with `Unavailable` when that takes too long. */
  readonly when: (
    isWanted: (revision: number) => boolean,
    operation: string
  ) => Effect.Effect<Snapshot.Snapshot, DocumentError>
}

/** The documents after one more change. One that cannot be read is left out, and logged. */
const apply = (snapshot: Snapshot.Snapshot, { key, revision, value }: Entry) =>
  Option.match(record.parseKey(key), {
    onNone: () => Effect.succeed(snapshot.at(revision)),
    onSome: ({ id, kind }) =>
      Option.match(value, {
        onNone: () => Effect.succeed(Option.none<Snapshot.AnyDocument>()),
        onSome: (bytes) =>
          record.decode(kind, id, revision, bytes).pipe(
            Effect.asSome,
            Effect.catch((error) =>
              Effect.as(
                Effect.annotateLogs(Effect.logError("a document cannot be read", error), { key, revision }),
                Option.none()
              )
            )
          )
      }).pipe(Effect.map((document) => snapshot.with(revision, kind, id, document)))
  })

const next = (snapshot: Option.Option<Snapshot.Snapshot>, news: News) => {
  if (news._tag === "Changed") {
    return Option.isNone(snapshot) || news.entry.revision <= snapshot.value.revision
      ? Effect.succeed(snapshot)
      : Effect.asSome(apply(snapshot.value, news.entry))
  }
  return Effect.reduce(news.entries, Snapshot.empty, apply).pipe(
    Effect.map((loaded) => Option.some(loaded.at(news.revision)))
  )
}

export const make = Effect.fnUntraced(function*(
  journal: Journal["Service"],
  timeout: Duration.Input
): Effect.fn.Return<Replica, never, Scope.Scope> {
  const state = yield* SubscriptionRef.make(Option.none<Snapshot.Snapshot>())
  yield* journal.follow.pipe(
    Stream.runForEach((news) => SubscriptionRef.updateEffect(state, (snapshot) => next(snapshot, news))),
    Effect.forkScoped
  )
  const changes = Stream.filterMap(
    SubscriptionRef.changes(state),
    (snapshot) => Result.fromOption(snapshot, () => undefined)
  )

  const when: Replica["when"] = (isWanted, operation) =>
    Effect.suspend(() => {
      const now = SubscriptionRef.getUnsafe(state)
      if (Option.isSome(now) && isWanted(now.value.revision)) return Effect.succeed(now.value)
      return changes.pipe(
        Stream.filter(({ revision }) => isWanted(revision)),
        Stream.runHead,
        Effect.flatMap(Effect.fromOption),
        // the changes never end
        Effect.orDie,
        Effect.timeoutOrElse({
          duration: timeout,
          orElse: () =>
            Effect.fail(
              new DocumentError({ reason: new Unavailable({ operation, cause: new Error("no answer in time") }) })
            )
        })
      )
    })
  const snapshot = when(() => true, "read documents")

  return {
    when,
    reading: {
      snapshot,
      get: (kind, id) =>
        Effect.flatMap(snapshot, (documents) =>
          Effect.mapError(
            Effect.fromOption(documents.get(kind, id)),
            () => new DocumentError({ reason: new NotFound({ kind, id }) })
          )),
      list: (kind) => Effect.map(snapshot, (documents) => documents.list(kind)),
      changes: Stream.buffer(changes, { capacity: 1, strategy: "sliding" })
    }
  }
})
