/**
 * Documents as they are kept: `<kind>.<id>` and JSON with a version, so that a later version of this software can tell
 * what it finds, and an earlier one says that it cannot.
 */
import type { Door } from "@kps/resources"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { DocumentError, Invalid, TooLarge } from "../DocumentError.ts"
import { doors, isKind, type Kind, type Values } from "../Kind.ts"
import type { AnyDocument } from "../Snapshot.ts"

/** Of this version of the software. */
const version = 1

/** The dots and "=" of an id are written as "=2E" and "=3D". */
export const keyOf = (kind: Kind, id: string): string =>
  `${kind}.${id.replaceAll(/[.=]/g, (char) => char === "." ? "=2E" : "=3D")}`

/** The kind and the id of a key that `keyOf` has made. */
export const parseKey = (key: string): Option.Option<{ readonly kind: Kind; readonly id: string }> => {
  const [kind = "", token, ...others] = key.split(".")
  return isKind(kind) && token !== undefined && others.length === 0
    ? Option.some({ kind, id: token.replaceAll("=2E", ".").replaceAll("=3D", "=") })
    : Option.none()
}

/** The most that one document is. */
const maxBytes = 16_777_216

/** Fails with `Invalid` where the value, though it has the type, is none that its kind allows. */
export const encode = Effect.fnUntraced(function*<K extends Kind>(
  kind: K,
  id: string,
  value: Values[K]
): Effect.fn.Return<Uint8Array, DocumentError> {
  const document = yield* Effect.mapError(
    doors[kind].encode(value),
    ({ subject, violations }) => new DocumentError({ reason: new Invalid({ subject, violations }) })
  )
  const bytes = new TextEncoder().encode(JSON.stringify({ version, document }))
  const { byteLength } = bytes
  return byteLength <= maxBytes
    ? bytes
    : yield* new DocumentError({ reason: new TooLarge({ key: keyOf(kind, id), byteLength, maxBytes }) })
})

const decodeEnvelope = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ version: Schema.Literal(version), document: Schema.Unknown }))
)

/** Fails with why it cannot be read: damaged, or of a later version. */
export const decode = (
  kind: Kind,
  id: string,
  revision: number,
  bytes: Uint8Array
): Effect.Effect<AnyDocument, Error> => {
  const door: Pick<Door.Door<unknown>, "decode"> = doors[kind]
  return decodeEnvelope(new TextDecoder().decode(bytes)).pipe(
    Effect.flatMap(({ document }) => door.decode(document)),
    // One cast: the door of a kind gives the value of that kind.
    Effect.map((value) => ({ kind, id, revision, value }) as AnyDocument)
  )
}
