/**
 * All documents as they are after one change: what rules are checked on, and what a reconciler works from.
 *
 * @since 0.1.0
 */
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import { all, type Kind, type Values } from "./Kind.ts"

/**
 * A document that is kept: its id, and the revision it was written at.
 *
 * @category models
 * @since 0.1.0
 */
export interface Document<K extends Kind = Kind> {
  readonly kind: K
  readonly id: string
  /** Above 0, and higher than that of everything that was written before, of any kind. */
  readonly revision: number
  /** With `id`, `version`, `createdAt` and `updatedAt`. */
  readonly value: Values[K]
}

/**
 * A document of any kind, told apart by `kind`.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyDocument = { readonly [K in Kind]: Document<K> }[Kind]

/**
 * All documents at one revision. It never changes: the next change makes another one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Snapshot {
  /** That of the last change of all; 0 when nothing was ever written. */
  readonly revision: number
  /** How many documents there are, of all kinds. */
  readonly size: number
  readonly get: <K extends Kind>(kind: K, id: string) => Option.Option<Document<K>>
  /** In the order in which they were created. */
  readonly list: <K extends Kind>(kind: K) => ReadonlyArray<Document<K>>
  /** The same in no order, for those who look at all of them. */
  readonly values: <K extends Kind>(kind: K) => ReadonlyArray<Values[K]>
  /** The documents after one more change: a document in the place of the one of its id, or none there any more. */
  readonly with: (revision: number, kind: Kind, id: string, document: Option.Option<AnyDocument>) => Snapshot
  /** The same documents at a later revision. */
  readonly at: (revision: number) => Snapshot
}

type Shelves = { readonly [K in Kind]: HashMap.HashMap<string, AnyDocument> }

/**
 * Before anything was written.
 *
 * @category constructors
 * @since 0.1.0
 */
export const empty: () => Snapshot = () => make(0, noShelves)

// One cast: an entry for every kind.
const noShelves = Object.fromEntries(all.map((kind) => [kind, HashMap.empty()])) as unknown as Shelves

const make = (revision: number, shelves: Shelves): Snapshot => {
  // One cast each: a shelf holds documents of its own kind.
  const on = <K extends Kind>(kind: K) => shelves[kind] as HashMap.HashMap<string, unknown> as Shelf<K>
  return {
    revision,
    get size() {
      return all.reduce((sum, kind) => sum + HashMap.size(shelves[kind]), 0)
    },
    get: (kind, id) => HashMap.get(on(kind), id),
    list: (kind) => HashMap.toValues(on(kind)).toSorted(byCreation),
    values: (kind) => Array.from(HashMap.values(on(kind)), ({ value }) => value),
    at: (next) => make(Math.max(next, revision), shelves),
    with: (next, kind, id, document) =>
      make(next, {
        ...shelves,
        [kind]: Option.isNone(document)
          ? HashMap.remove(shelves[kind], id)
          : HashMap.set(shelves[kind], id, document.value)
      })
  }
}

type Shelf<K extends Kind> = HashMap.HashMap<string, Document<K>>

const byCreation = (a: Document, b: Document): number => {
  const [left, right] = [`${a.value.createdAt ?? ""} ${a.id}`, `${b.value.createdAt ?? ""} ${b.id}`]
  return left < right ? -1 : left > right ? 1 : 0
}
