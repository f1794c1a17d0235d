/**
 * Values as they are stored: JSON with a version, so that a later version of this software can tell what it finds, and
 * an earlier one says that it cannot.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Bucket, Entry } from "./Bucket.ts"
import { sorted } from "./internal/sorted.ts"
import { StateError, Unreadable } from "./StateError.ts"

/**
 * Both ways between values and what is stored.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stored<A> {
  readonly encode: (value: A) => Effect.Effect<Uint8Array>
  /** Fails with `Unreadable`: damaged, or of a later version. */
  readonly decode: (bucket: Bucket, entry: Entry) => Effect.Effect<A, StateError>
}

/**
 * Makes the two ways for a version of a schema. Equal values are stored as equal bytes: keys are sorted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, I>(version: number, schema: Schema.Codec<A, I>): Stored<A> => {
  const codec = Schema.toCodecJson(schema)
  const encode = Schema.encodeEffect(codec)
  const decode = Schema.decodeUnknownEffect(codec)
  return {
    // What is given has the schema's type.
    encode: (value) =>
      Effect.map(
        Effect.orDie(encode(value)),
        (encoded) => new TextEncoder().encode(JSON.stringify({ version, value: sorted(encoded) }))
      ),
    decode: Effect.fnUntraced(function*(bucket, entry) {
      const unreadable = (problem: string) =>
        new StateError({
          reason: new Unreadable({ bucket: bucket.name, key: entry.key, revision: entry.revision, problem })
        })
      const json = yield* Effect.try({
        try: (): unknown => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(entry.value)),
        catch: () => unreadable("it is no JSON text")
      })
      const envelope = yield* Effect.mapError(
        decodeEnvelope(json),
        () => unreadable("it is no object with a version and a value")
      )
      if (envelope.version !== version) {
        return yield* unreadable(
          envelope.version > version
            ? `it is of version ${envelope.version}, and this software knows versions up to ${version}`
            : `want version ${version}, got ${envelope.version}`
        )
      }
      return yield* Effect.mapError(decode(envelope.value), (error) => unreadable(error.message.replaceAll("\n", " ")))
    })
  }
}

const decodeEnvelope = Schema.decodeUnknownEffect(Schema.Struct({ version: Schema.Int, value: Schema.Unknown }))
