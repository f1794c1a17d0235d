/** Writes by the rules: checked beside all documents, and appended if nothing was written since. */
import { InvalidResource, Violation } from "@kps/resources"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Semaphore from "effect/Semaphore"
import { randomUUID } from "node:crypto"
import { AlreadyExists, Changed, DocumentError, InUse, Invalid, NotFound, Unavailable } from "../DocumentError.ts"
import type { Documents, Expected } from "../Documents.ts"
import type { Journal } from "../Journal.ts"
import type { Kind, Values } from "../Kind.ts"
import * as References from "../References.ts"
import * as Rules from "../Rules.ts"
import type { AnyDocument, Document, Snapshot } from "../Snapshot.ts"
import * as record from "./record.ts"
import type { Replica } from "./replica.ts"

/** How often a write is checked again because others came first: each time somebody has got on. */
const maxAttempts = 1_000

/** What is to be written after a look at all documents; `Done`: it is so already. */
type Plan<A> = (
  snapshot: Snapshot
) => Effect.Effect<
  | { readonly _tag: "Done"; readonly result: A }
  | {
    readonly _tag: "Write"
    readonly key: string
    readonly value: Option.Option<Uint8Array>
    readonly result: (revision: number) => A
  },
  DocumentError
>

const fail = (reason: DocumentError["reason"]) => Effect.fail(new DocumentError({ reason }))

const invalid = ({ subject, violations }: InvalidResource.InvalidResource) =>
  new DocumentError({ reason: new Invalid({ subject, violations }) })

const refuse = (kind: Kind, name: string, violations: ReadonlyArray<Violation.Violation>) =>
  Effect.mapError(InvalidResource.unless(References.subject(kind, name), violations), invalid)

const expecting = (document: Document, { revision }: Expected) =>
  revision === undefined || revision === document.revision
    ? Effect.void
    : fail(new Changed({ kind: document.kind, id: document.id, wanted: revision, got: document.revision }))

const find = <K extends Kind>(snapshot: Snapshot, kind: K, id: string) =>
  Effect.mapError(
    Effect.fromOption(snapshot.get(kind, id)),
    () => new DocumentError({ reason: new NotFound({ kind, id }) })
  )

/** The document, its names resolved, in its place among the others: with everything that is wrong with that. */
const place = Effect.fnUntraced(function*<K extends Kind>(
  snapshot: Snapshot,
  kind: K,
  id: string,
  value: Values[K],
  before: Option.Option<Document<K>>
): Effect.fn.Return<Values[K], DocumentError> {
  const resolved = yield* Effect.mapError(Rules.resolveNames(snapshot, kind, value), invalid)
  // One cast: a document of one kind is a document of any.
  const document = { kind, id, revision: snapshot.revision, value: { ...resolved, id } } as AnyDocument
  const after = snapshot.with(snapshot.revision, kind, id, Option.some(document))
  const violations = [
    ...Option.match(before, { onNone: () => [], onSome: (old) => Rules.checkUpdate(kind, old.value, resolved) }),
    ...(yield* Rules.check(document, after))
  ]
  yield* refuse(kind, value.name, violations)
  const namesake = Rules.namesake(snapshot, kind, id, resolved)
  if (Option.isSome(namesake)) {
    return yield* fail(new AlreadyExists({ kind, name: value.name, ...namesake.value }))
  }
  if (Option.isSome(before)) {
    const broken = yield* Effect.forEach(
      References.dependants(snapshot, document),
      (dependant) =>
        Effect.map(Rules.check(dependant, after), (found) =>
          found.map((violation) => ({
            ...violation,
            path: `${References.subject(dependant.kind, dependant.value.name)}, ${violation.path}`
          })))
    )
    yield* refuse(kind, value.name, broken.flat())
  }
  return resolved
})

const otherId = (id: string, got: string | undefined) =>
  got === undefined || got === id ? [] : [Violation.make("id", `"${id}", the id of the document`, got)]

/** What its author says. */
const contentOf = <K extends Kind>({ createdAt: _c, id: _i, updatedAt: _u, version: _v, ...content }: Values[K]) =>
  content

/** Nanoseconds since the Unix epoch, and more than the version before. */
const stamp = (before: number) =>
  Effect.map(Clock.currentTimeMillis, (millis) => ({
    version: Math.max(millis * 1_000_000, before + 1_000_000),
    updatedAt: new Date(millis).toISOString()
  }))

export const make = Effect.fnUntraced(function*(
  journal: Journal["Service"],
  replica: Replica
): Effect.fn.Return<Pick<Documents["Service"], "create" | "delete" | "update">> {
  const turn = yield* Semaphore.make(1)

  const write = <A>(operation: string, plan: Plan<A>): Effect.Effect<A, DocumentError> =>
    Effect.gen(function*() {
      let snapshot = yield* replica.when(() => true, operation)
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const planned = yield* plan(snapshot)
        if (planned._tag === "Done") return planned.result
        const { key, result, value } = planned
        const revision = yield* journal.append(key, value, snapshot.revision)
        if (Option.isSome(revision)) {
          const written = revision.value
          yield* replica.when((revision) => revision >= written, operation)
          return result(written)
        }
        const known = snapshot.revision
        // lower after the store has lost what it had
        snapshot = yield* replica.when((revision) => revision !== known, operation)
      }
      return yield* fail(new Unavailable({ operation, cause: new Error("others write all the time") }))
    }).pipe(
      // what was begun is not given up in the middle: whoever asks for it may go
      Effect.uninterruptible,
      (writing) => turn.withPermit(writing)
    )

  return {
    create: Effect.fn("Documents.create")(function*<K extends Kind>(kind: K, value: Values[K]) {
      const id = value.id ?? randomUUID()
      return yield* write<Document<K>>(
        `create ${References.subject(kind, value.name)}`,
        (snapshot) =>
          Effect.gen(function*() {
            const taken = snapshot.get(kind, id)
            if (Option.isSome(taken)) {
              return yield* fail(new AlreadyExists({ kind, id, name: taken.value.value.name, same: "the id" }))
            }
            const placed = yield* place(snapshot, kind, id, value, Option.none())
            const { updatedAt, version } = yield* stamp(0)
            const kept = { ...placed, id, version, createdAt: updatedAt, updatedAt }
            return {
              _tag: "Write",
              key: record.keyOf(kind, id),
              value: Option.some(yield* record.encode(kind, id, kept)),
              result: (revision) => ({ kind, id, revision, value: kept })
            }
          })
      )
    }),

    update: Effect.fn("Documents.update")(
      function*<K extends Kind>(kind: K, id: string, value: Values[K], expected: Expected = {}) {
        return yield* write<Document<K>>(
          `update ${References.subject(kind, value.name)}`,
          (snapshot) =>
            Effect.gen(function*() {
              const before = yield* find(snapshot, kind, id)
              yield* expecting(before, expected)
              const { createdAt, version: wanted = 0 } = before.value
              if (value.version !== undefined && value.version !== wanted) {
                return yield* fail(new Changed({ kind, id, wanted: value.version, got: wanted }))
              }
              yield* refuse(kind, value.name, otherId(id, value.id))
              const placed = yield* place(snapshot, kind, id, value, Option.some(before))
              if (Equal.equals(contentOf(placed), contentOf(before.value))) return { _tag: "Done", result: before }
              const { updatedAt, version } = yield* stamp(wanted)
              const kept = { ...placed, id, version, updatedAt, ...(createdAt === undefined ? {} : { createdAt }) }
              return {
                _tag: "Write",
                key: record.keyOf(kind, id),
                value: Option.some(yield* record.encode(kind, id, kept)),
                result: (revision) => ({ kind, id, revision, value: kept })
              }
            })
        )
      }
    ),

    delete: Effect.fn("Documents.delete")(function*(kind: Kind, id: string, expected: Expected = {}) {
      return yield* write<void>(`delete ${kind} "${id}"`, (snapshot) =>
        Effect.gen(function*() {
          const before = yield* find<Kind>(snapshot, kind, id)
          yield* expecting(before, expected)
          const users = References.users(snapshot, { kind, id })
          if (users.length > 0) {
            return yield* fail(
              new InUse({
                kind,
                id,
                name: before.value.name,
                users: users.map((user) => References.subject(user.kind, user.value.name))
              })
            )
          }
          return { _tag: "Write", key: record.keyOf(kind, id), value: Option.none(), result: () => undefined }
        }))
    })
  }
})
