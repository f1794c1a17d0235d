/**
 * Knows, beside the store of the documents, what was there last: a store that has lost some of it is found out when it is
 * opened again. A nats-server whose files are damaged goes on with what it can read, and tells nobody.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import * as PrivateFile from "../files/PrivateFile.ts"
import { Documents } from "./Documents.ts"
import type { Snapshot } from "./Snapshot.ts"

/**
 * Documents that were there are not there any more, though nobody has deleted them. Nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class DocumentsDamaged
  extends Schema.TaggedError<DocumentsDamaged>("@kps/service-domain/Witness/DocumentsDamaged")("DocumentsDamaged", {
    folder: Schema.String,
    problem: Schema.String
  })
{
  override get message(): string {
    return `the documents in ${this.folder} are damaged: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Where the store keeps its files; what was seen last is written into `documents.json` there. */
  readonly folder: string
}

const Seen = Schema.fromJsonString(Schema.Struct({ revision: Schema.Int, documents: Schema.Int }))

type Seen = typeof Seen.Type

/** A store of this machine that is not read by then has something wrong with it. */
const patience = "60 seconds"

const seenOf = ({ revision, size }: Snapshot): Seen => ({ revision, documents: size })

const told = ({ documents, revision }: Seen): string =>
  `${documents} document${documents === 1 ? "" : "s"} up to change ${revision}`

/** Changes that came after what was seen last may have been of any number of documents. */
const isLess = (now: Seen, seen: Seen): boolean =>
  now.revision < seen.revision || (now.revision === seen.revision && now.documents < seen.documents)

/**
 * Layer that succeeds when the documents are read and nothing of them is missing, and follows them from then on. For a
 * store that this process alone has.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = ({ folder }: Options): Layer.Layer<never, DocumentsDamaged, Documents> =>
  Layer.effectDiscard(Effect.gen(function*() {
    const file = join(folder, "documents.json")
    const damaged = (problem: string) => new DocumentsDamaged({ folder, problem })
    const { changes } = yield* Documents
    const before = Option.flatMap(
      yield* Effect.mapError(PrivateFile.read(file), ({ message }) => damaged(message)),
      Schema.decodeUnknownOption(Seen)
    )
    const first = yield* changes.pipe(
      Stream.runHead,
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.fail(damaged(`the nats-server does not give them within ${patience}`))
      })
    )
    const now = Option.match(first, { onNone: () => ({ revision: 0, documents: 0 }), onSome: seenOf })
    if (Option.isSome(before) && isLess(now, before.value)) {
      return yield* damaged(
        `there were ${told(before.value)}, and there are ${
          told(now)
        }. Put a copy of the folder in its place, or remove ` +
          `${file} to go on with what is left`
      )
    }
    yield* changes.pipe(
      Stream.runForEach((snapshot) =>
        Effect.flatMap(
          Effect.orDie(Schema.encodeEffect(Seen)(seenOf(snapshot))),
          (text) => PrivateFile.write(file, text)
        ).pipe(
          Effect.catch(({ message }) => Effect.logWarning(message))
        )
      ),
      Effect.forkScoped
    )
  }))
