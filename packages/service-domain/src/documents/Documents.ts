/**
 * The documents of a service domain: created, updated and deleted by the platform's rules, whoever else does so at the
 * same time.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { DocumentError } from "./DocumentError.ts"
import * as replica from "./internal/replica.ts"
import * as writing from "./internal/writing.ts"
import * as Journal from "./Journal.ts"
import type { Kind, Values } from "./Kind.ts"
import type { Document, Snapshot } from "./Snapshot.ts"

/**
 * What an update or a deletion is to find.
 *
 * @category models
 * @since 0.1.0
 */
export interface Expected {
  /** The revision that the document has. Without it, whatever it has is replaced. */
  readonly revision?: number
}

/**
 * Service that keeps documents.
 *
 * **Details**
 *
 * Every process on one store has all documents, as they were at one moment (a `Snapshot`), and reads never wait for the
 * store: they show every write of this process that has succeeded, and those of others shortly after. A write is checked
 * beside the documents of a snapshot and takes place only if nothing was written since that snapshot; otherwise it is
 * checked again. So the rules hold for any number of writers: names are unique, no document refers to one that is not
 * there, and values fit the schemas of their class. A write that fails has changed nothing, but for `Unavailable`, after
 * which it may have taken place or not.
 *
 * @category services
 * @since 0.1.0
 */
export class Documents extends Context.Service<Documents, {
  /** All documents as they are now. Waits for the store once, at the start; fails with `Unavailable`. */
  readonly snapshot: Effect.Effect<Snapshot, DocumentError>

  /** Fails with `NotFound`, or `Unavailable`. */
  readonly get: <K extends Kind>(kind: K, id: string) => Effect.Effect<Document<K>, DocumentError>

  /** All documents of a kind, in the order in which they were created. Fails with `Unavailable`. */
  readonly list: <K extends Kind>(kind: K) => Effect.Effect<ReadonlyArray<Document<K>>, DocumentError>

  /**
   * Creates a document, and gives it as it is kept.
   *
   * **Details**
   *
   * It gets an id unless it has one, and `version`, `createdAt` and `updatedAt` whatever it says of them. Documents of
   * the connector kinds may have names where ids belong; they are kept with ids. Fails with `Invalid` and everything that
   * is wrong with it beside the other documents; with `AlreadyExists` when its id is taken, or its name: unique among
   * categories, service domains and projects, among classes of one version, and in the project or the instance that a
   * document belongs to; with `TooLarge`, or `Unavailable`.
   */
  readonly create: <K extends Kind>(kind: K, value: Values[K]) => Effect.Effect<Document<K>, DocumentError>

  /**
   * Puts a document in the place of the one with the id, and gives it as it is kept.
   *
   * **Details**
   *
   * `createdAt` stays. Fails with `Changed` when a revision is expected and the
   * document has another one, or when the document says a `version` and that is not the one that is kept: what was read,
   * changed and written back does not overwrite what came in between. Fails as `create` does, with `Invalid` also when a
   * document that refers to this one would no longer be right (its path begins with that document), or when it would
   * have another id, or belong to another project or instance; with `NotFound` when there is none. Writes nothing when it changes nothing.
   */
  readonly update: <K extends Kind>(
    kind: K,
    id: string,
    value: Values[K],
    expected?: Expected
  ) => Effect.Effect<Document<K>, DocumentError>

  /**
   * Deletes a document. Fails with `InUse` while others refer to it, with `NotFound`, `Changed` or `Unavailable`.
   */
  readonly delete: (kind: Kind, id: string, expected?: Expected) => Effect.Effect<void, DocumentError>

  /**
   * All documents as they are now, then after changes. A consumer that is slower than the changes gets the newest
   * snapshot and not those in between. Never ends, and never fails: while the store is out of reach there are no changes.
   */
  readonly changes: Stream.Stream<Snapshot>
}>()("@kps/service-domain/documents/Documents") {}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long a read waits for the first answer of the store, and a write for what it has written. Default: 5 seconds. */
  readonly timeout?: Duration.Input
}

/**
 * Layer over the journal that is given: `Journal.layerMemory`, or the one of `JetStreamJournal`. It follows the journal
 * for as long as it lives.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Documents, never, Journal.Journal> =>
  Layer.effect(
    Documents,
    Effect.gen(function*() {
      const journal = yield* Journal.Journal
      const documents = yield* replica.make(journal, options.timeout ?? "5 seconds")
      return Documents.of({ ...documents.reading, ...(yield* writing.make(journal, documents)) })
    })
  )

/**
 * Layer that keeps all documents in this process, and forgets them with the layer.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<Documents> = Layer.provide(layer(), Journal.layerMemory)
