/**
 * What has to be written so that a service domain has the documents of files: tried beforehand, all or none of it.
 *
 * @since 0.1.0
 */
import { Violation } from "@kps/resources"
import { Kind, Rules, type Snapshot } from "@kps/service-domain"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Collection, Domain, type Failed } from "./Domain.ts"
import * as Manifest from "./Manifest.ts"
import * as Noun from "./Noun.ts"
import * as Rehearsal from "./Rehearsal.ts"

/**
 * What is asked for: that documents be new, that they be there already, or either.
 *
 * @category models
 * @since 0.1.0
 */
export type Mode = "create" | "update" | "apply"

/**
 * One document to be written, or one that is so already.
 *
 * @category models
 * @since 0.1.0
 */
export interface Step {
  readonly action: "create" | "update" | "unchanged"
  readonly kind: Kind.Kind
  readonly id: string
  readonly name: string
  readonly write: Effect.Effect<void, Failed, Domain>
}

/**
 * Documents that the service domain would refuse, each with its file and line. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unfit extends Schema.TaggedError<Unfit>("@kps/cli/domain/Plan/Unfit")("Unfit", {
  documents: Schema.Array(Schema.Struct({
    file: Schema.String,
    line: Schema.Int,
    subject: Schema.String,
    problems: Schema.Array(Schema.String)
  }))
}) {
  override get message(): string {
    return this.documents.map(({ file, line, problems, subject }) =>
      `${file}, line ${line}: ${subject}${problems.map((problem) => `\n  ${problem}`).join("")}`
    ).join("\n")
  }
}

/** The document that is meant: the one of its id, else the one of its name, where names are unique. */
const existing = (snapshot: Snapshot.Snapshot, { kind, value }: Manifest.Resolved) =>
  Option.orElse(
    Option.flatMap(
      Option.fromUndefinedOr(value.id),
      (id) => Option.map(snapshot.get(kind, id), (document) => document.id)
    ),
    () => Option.map(Rules.namesake(snapshot, kind, "", value), ({ id }) => id)
  )

/** Writes it here, and says what has to be written there. */
const tried = Effect.fnUntraced(function*(mode: Mode, { kind, value }: Manifest.Resolved) {
  const { documents, versionOf } = yield* Rehearsal.Rehearsal
  const before = yield* documents.snapshot
  const named = yield* Effect.orElseSucceed(Rules.resolveNames(before, kind, value), () => value)
  // One cast: a kind with a value of that kind.
  const found = existing(before, { kind, value: named } as Manifest.Resolved)
  if (mode === "create" || (mode === "apply" && Option.isNone(found))) {
    const { id, value: created } = yield* documents.create(kind, value)
    return step("create", kind, id, created)
  }
  const id = Option.getOrElse(found, () => value.id ?? value.name)
  const revision = Option.map(before.get(kind, id), (document) => document.revision)
  // an update from a file stands for itself: whatever the version in the file, it is the newest that is replaced
  const { version: _, ...content } = value
  const after = yield* documents.update(kind, id, content)
  if (Option.isSome(revision) && revision.value === after.revision) return step("unchanged", kind, id, after.value)
  const version = versionOf(kind, id)
  return step("update", kind, id, { ...after.value, ...(version === undefined ? {} : { version }) })
})

const step = (action: Step["action"], kind: Kind.Kind, id: string, value: Kind.Values[Kind.Kind]): Step => ({
  action,
  kind,
  id,
  name: value.name,
  write: Effect.gen(function*() {
    const { documents } = yield* Domain
    // One cast: documents of a kind are given a value of that kind.
    const collection = documents[kind] as Collection<unknown>
    if (action === "create") yield* collection.create(value)
    if (action === "update") yield* collection.update(id, value)
  })
})

/**
 * What has to be written for the documents of files, those that others refer to first. Fails with everything that is wrong
 * with the documents of one kind: those of the kinds behind it may be wrong only because of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(mode: Mode, filed: ReadonlyArray<Manifest.Filed>) {
  const { documents } = yield* Rehearsal.Rehearsal
  const steps: Array<Step> = []
  for (const kind of Kind.all) {
    const unfit: Array<Unfit["documents"][number]> = []
    for (const one of filed.filter(({ document }) => document.kind === kind)) {
      const { file } = one
      const { line, value: { name } } = one.document
      const refuse = (problems: ReadonlyArray<string>) =>
        Effect.sync(() => {
          unfit.push({ file, line, subject: `${Noun.of(kind)} ${JSON.stringify(name)}`, problems })
        })
      const snapshot = yield* documents.snapshot
      yield* Manifest.resolve(one, Rehearsal.beside(snapshot)).pipe(
        Effect.flatMap((resolved) => tried(mode, resolved)),
        Effect.map((step) => {
          steps.push(step)
        }),
        Effect.catchTags({
          DocumentError: (error) => refuse(Rehearsal.problemsOf(error)),
          InvalidResource: ({ violations }) => refuse(violations.map((violation) => Violation.text(violation))),
          UnreadableFile: ({ message }) => refuse([`sourceCodePath: ${message}`])
        })
      )
    }
    if (unfit.length > 0) return yield* new Unfit({ documents: unfit })
  }
  return steps
})

/**
 * Those documents of files that the service domain has, in the order in which they refer to each other.
 *
 * @category constructors
 * @since 0.1.0
 */
export const found = Effect.fnUntraced(function*(filed: ReadonlyArray<Manifest.Filed>) {
  const { documents } = yield* Rehearsal.Rehearsal
  const snapshot = yield* documents.snapshot
  const inOrder = Kind.all.flatMap((kind) => filed.filter(({ document }) => document.kind === kind))
  const each = yield* Effect.forEach(inOrder, (one) =>
    Manifest.resolve(one, Rehearsal.beside(snapshot)).pipe(
      Effect.flatMap(({ kind, value }) => Rules.resolveNames(snapshot, kind, value)),
      // One cast: a kind with a value of that kind.
      Effect.map((value) => existing(snapshot, { kind: one.document.kind, value } as Manifest.Resolved)),
      // what it refers to is not there: nor is it
      Effect.catchTag("InvalidResource", () => Effect.succeed(Option.none<string>())),
      Effect.map(Option.map((id) => ({ kind: one.document.kind, id, name: one.document.value.name })))
    ))
  return each.flatMap(Option.toArray)
})
