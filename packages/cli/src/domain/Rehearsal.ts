/**
 * What a service domain has, in this process: what is to be written is tried here first, by the same rules, so that a file
 * with something wrong in it changes nothing there.
 *
 * @since 0.1.0
 */
import { DocumentError, Documents, Kind, type Snapshot } from "@kps/service-domain"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { Domain, type Failed } from "./Domain.ts"
import type { Beside, Resolved } from "./Manifest.ts"

/**
 * Service of the documents as they would be.
 *
 * @category services
 * @since 0.1.0
 */
export class Rehearsal extends Context.Service<Rehearsal, {
  /** The documents of the service domain, and what was written here since. */
  readonly documents: Documents.Documents["Service"]
  /** The `version` of each document of the service domain, by kind and id: what an update says it has read. */
  readonly versionOf: (kind: Kind.Kind, id: string) => number | undefined
}>()("@kps/cli/domain/Rehearsal") {}

/** Everything there is, of every kind. */
const everything = Effect.gen(function*() {
  const { documents } = yield* Domain
  const of = (kind: Kind.Kind): Effect.Effect<ReadonlyArray<Resolved>, Failed> => {
    const all: Effect.Effect<ReadonlyArray<unknown>, Failed> = documents[kind].all
    // One cast: a kind with a value of that kind.
    return Effect.map(all, (values) => values.map((value) => ({ kind, value }) as Resolved))
  }
  return (yield* Effect.forEach(Kind.all, of, { concurrency: 4 })).flat()
})

/** Puts documents in, those that others refer to first. One that the rules of this version refuse is left out. */
const seed = Effect.fnUntraced(function*(
  documents: Documents.Documents["Service"],
  found: ReadonlyArray<Resolved>
) {
  let left = found
  // a pipeline may take from one that was made later: each round puts in at least one more
  for (let round = 0; round <= found.length && left.length > 0; round++) {
    const refused: Array<Resolved> = []
    for (const resolved of left) {
      if (Result.isFailure(yield* Effect.result(documents.create(resolved.kind, resolved.value)))) {
        refused.push(resolved)
      }
    }
    if (refused.length === left.length) return
    left = refused
  }
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Rehearsal, Failed, Domain> = Layer.effect(
  Rehearsal,
  Effect.gen(function*() {
    const found = yield* everything
    const documents = yield* Documents.Documents
    yield* seed(documents, found)
    const versions = new Map(found.map(({ kind, value }) => [`${kind}.${value.id}`, value.version]))
    return Rehearsal.of({ documents, versionOf: (kind, id) => versions.get(`${kind}.${id}`) })
  })
).pipe(Layer.provide(Documents.layerMemory))

/**
 * The documents of a snapshot, as files are resolved beside them.
 *
 * @category converting
 * @since 0.1.0
 */
export const beside = (snapshot: Snapshot.Snapshot): Beside => ({
  list: (kind) => snapshot.list(kind).map(({ value }) => value)
})

/**
 * What is wrong with a document that is refused, a line for each violation.
 *
 * @category formatting
 * @since 0.1.0
 */
export const problemsOf = ({ reason }: DocumentError.DocumentError): ReadonlyArray<string> =>
  reason._tag === "Invalid"
    ? reason.violations.map(({ message, path }) => path === "" ? message : `${path}: ${message}`)
    : [reason.message]
