/**
 * What `kps create`, `get`, `update`, `delete` and `apply` do. Loaded when one of them is asked for.
 *
 * @since 0.1.0
 */
import type { Kind } from "@kps/service-domain"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { BadSelection } from "../CommandError.ts"
import * as Output from "../Output.ts"
import * as Domain from "./Domain.ts"
import * as Manifest from "./Manifest.ts"
import * as Names from "./Names.ts"
import * as Noun from "./Noun.ts"
import * as Plan from "./Plan.ts"
import * as Rehearsal from "./Rehearsal.ts"
import * as Tables from "./Tables.ts"
import type { Target } from "./TargetFlags.ts"

interface Done {
  readonly action: Plan.Step["action"] | "delete"
  readonly kind: string
  readonly name: string
  readonly id: string
}

const sentence = ({ action, id, kind, name }: Done) => {
  const subject = `${kind} ${JSON.stringify(name)}`
  switch (action) {
    case "create":
      return `Successfully created ${subject} with id ${id}`
    case "update":
      return `Successfully updated ${subject}`
    case "delete":
      return `Successfully deleted ${subject}`
    case "unchanged":
      return `${subject} is so already`
  }
}

const done = ({ action, id, kind, name }: Plan.Step): Done => ({ action, kind: Noun.of(kind), name, id })

/** Says each thing when it is done; as YAML or JSON, all of it at the end. */
const told = <A, E, R>(
  format: Output.Format,
  run: (tell: (done: Done) => Effect.Effect<void>) => Effect.Effect<A, E, R>
) =>
  Effect.suspend(() => {
    const all: Array<Done> = []
    const tell = (done: Done) =>
      format === "table" ? Console.log(sentence(done)) : Effect.sync(() => {
        all.push(done)
      })
    return Effect.ensuring(
      run(tell),
      Effect.suspend(() => format === "table" ? Effect.void : Console.log(Output.value(format, all)))
    )
  })

/** Takes back what was created, the last first, so that nothing is half there. */
const takeBack = Effect.fnUntraced(function*(created: ReadonlyArray<Plan.Step>) {
  if (created.length === 0) return
  const { documents } = yield* Domain.Domain
  const stay: Array<string> = []
  for (const { id, kind, name } of created.toReversed()) {
    const exit = yield* Effect.exit(documents[kind].delete(id))
    if (Exit.isFailure(exit)) stay.push(`${Noun.of(kind)} ${JSON.stringify(name)}`)
  }
  yield* Console.error(
    stay.length === 0 ? "kps: took back what it had created" : `kps: could not take back ${stay.join(", ")}`
  )
})

const executed = Effect.fnUntraced(function*(
  mode: Plan.Mode,
  steps: ReadonlyArray<Plan.Step>,
  tell: (done: Done) => Effect.Effect<void>
) {
  const created: Array<Plan.Step> = []
  yield* Effect.forEach(steps, (step) =>
    step.write.pipe(
      Effect.onExit((exit) =>
        Effect.sync(() => {
          if (mayBeThere(exit)) created.push(step)
        })
      ),
      Effect.andThen(tell(done(step)))
    ), { discard: true }).pipe(
      Effect.onExit((exit) => Exit.isSuccess(exit) || mode !== "create" ? Effect.void : takeBack(created))
    )
})

/** Also when there was no answer, or it was interrupted: who was asked may have done it all the same. */
const mayBeThere = (exit: Exit.Exit<void, Domain.Failed>): boolean =>
  Option.match(Exit.findErrorOption(exit), {
    onNone: () => true,
    onSome: (error) => error._tag === "Away" || error.status >= 500
  })

/**
 * Writes documents that were read: all of them, or none when one is refused.
 *
 * @category running
 * @since 0.1.0
 */
export const writeFiled = Effect.fnUntraced(function*(
  mode: Plan.Mode,
  filed: ReadonlyArray<Manifest.Filed>,
  options: { readonly output: Output.Format; readonly dryRun: boolean; readonly sayUnchanged: boolean }
) {
  const all = yield* Effect.provide(Plan.make(mode, filed), Layer.fresh(Rehearsal.layer))
  const steps = options.sayUnchanged ? all : all.filter(({ action }) => action !== "unchanged")
  yield* told(options.output, (tell) =>
    options.dryRun
      ? Effect.forEach(steps, (step) => tell(done(step)), { discard: true })
      : executed(mode, steps, tell))
})

/**
 * Writes the documents of a file or a folder: all of them, or none when one is refused.
 *
 * @category running
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(
  function*(mode: Plan.Mode, options: {
    readonly file: string
    readonly kind: Option.Option<Kind.Kind>
    readonly output: Output.Format
    readonly dryRun: boolean
    readonly target: Target
  }) {
    const filed = yield* Manifest.read(options.file, Option.getOrUndefined(options.kind))
    yield* writeFiled(mode, filed, { ...options, sayUnchanged: true })
  },
  (effect, _mode, { target }) => Effect.provide(effect, Domain.layer(target))
)

/** Everything that tables and files name. */
const surroundings = Effect.gen(function*() {
  const rehearsal = yield* Rehearsal.Rehearsal
  return Rehearsal.beside(yield* rehearsal.documents.snapshot)
}).pipe(Effect.provide(Rehearsal.layer))

/**
 * Prints documents of a kind: all, or those that are named.
 *
 * @category running
 * @since 0.1.0
 */
export const get = Effect.fnUntraced(
  function*<K extends Kind.Kind>(kind: K, options: {
    readonly names: ReadonlyArray<string>
    readonly project: Option.Option<string>
    readonly output: Output.Format
    readonly target: Target
  }) {
    const { documents } = yield* Domain.Domain
    const all = yield* documents[kind].all
    const named = options.names.length === 0
      ? all
      : yield* Effect.forEach(options.names, (name) => Names.among<Kind.Values[K]>(Noun.of(kind), all, name))
    const wanted = Option.isNone(options.project) ? named : yield* ofProject(kind, named, options.project.value)
    if (options.output === "json") return yield* Output.list("json", [], wanted)
    const beside = yield* surroundings
    if (options.output === "table") return yield* Output.list("table", Tables.columns(beside)[kind], wanted)
    // One cast: a kind with a value of that kind.
    const files = yield* Effect.forEach(
      wanted,
      (value) => Manifest.toFile({ kind, value } as Manifest.Resolved, beside)
    )
    yield* Console.log(files.map((file) => Output.value("yaml", file)).join("\n---\n"))
  },
  (effect, _kind, { target }) => Effect.provide(effect, Domain.layer(target))
)

const ofProject = Effect.fnUntraced(function*<K extends Kind.Kind>(
  kind: K,
  found: ReadonlyArray<Kind.Values[K]>,
  name: string
) {
  const { id } = yield* Names.find("project", name)
  const { documents } = yield* Domain.Domain
  const instances = new Set(
    (yield* documents.connectorInstance.all).flatMap(({ id: instance = "", projectId }) =>
      projectId === id ? [instance] : []
    )
  )
  const isOfProject = (value: Kind.Values[K]) =>
    "projectId" in value
      ? value.projectId === id
      : "connectorInstanceID" in value && typeof value.connectorInstanceID === "string"
        && instances.has(value.connectorInstanceID)
  if (kind === "category" || kind === "serviceDomain" || kind === "project" || kind === "connectorClass") {
    return yield* new BadSelection({ problem: `a ${Noun.of(kind)} belongs to no project: leave --project out` })
  }
  return found.filter(isOfProject)
})

/**
 * Deletes documents of a kind by name or id. Nothing is deleted when one of them is not there, unless that is all right.
 *
 * @category running
 * @since 0.1.0
 */
export const remove = Effect.fnUntraced(
  function*(kind: Kind.Kind, options: {
    readonly names: ReadonlyArray<string>
    readonly ignoreNotFound: boolean
    readonly output: Output.Format
    readonly target: Target
  }) {
    const { documents } = yield* Domain.Domain
    const all: ReadonlyArray<{ readonly id?: string; readonly name: string }> = yield* documents[kind].all
    const found = yield* Effect.forEach(options.names, (name) =>
      Names.among(Noun.of(kind), all, name).pipe(
        Effect.asSome,
        Effect.catchTag("NotNamed", (error) =>
          options.ignoreNotFound && error.ids.length === 0 ? Effect.succeedNone : Effect.fail(error))
      ))
    yield* told(
      options.output,
      (tell) =>
        Effect.forEach(found.flatMap(Option.toArray), ({ id, name }) =>
          documents[kind].delete(id).pipe(
            Effect.andThen(tell({ action: "delete", kind: Noun.of(kind), name, id }))
          ), { discard: true })
    )
  },
  (effect, _kind, { target }) => Effect.provide(effect, Domain.layer(target))
)

/**
 * Deletes what the documents of a file or a folder are, those that refer to others first. What is not there is passed over.
 *
 * @category running
 * @since 0.1.0
 */
export const removeFile = Effect.fnUntraced(
  function*(options: { readonly file: string; readonly output: Output.Format; readonly target: Target }) {
    const { documents } = yield* Domain.Domain
    const filed = yield* Manifest.read(options.file)
    const found = yield* Effect.provide(Plan.found(filed), Rehearsal.layer)
    yield* told(
      options.output,
      (tell) =>
        Effect.forEach(
          found.toReversed(),
          ({ id, kind, name }) =>
            Effect.flatMap(documents[kind].delete(id), (isDeleted) =>
              isDeleted ? tell({ action: "delete", kind: Noun.of(kind), name, id }) : Effect.void),
          { discard: true }
        )
    )
  },
  (effect, { target }) => Effect.provide(effect, Domain.layer(target))
)
