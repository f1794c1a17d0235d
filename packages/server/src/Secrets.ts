/**
 * Which values of a stream or config are secret, and how they read in an answer.
 *
 * A secret is what a schema decodes to `Redacted`, wherever it is nested. The platform gives secrets and never gets
 * them back.
 *
 * @since 0.1.0
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import type { Connector } from "@kps/connector"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaGetter from "effect/SchemaGetter"

/**
 * What GetPayload shows in place of a secret. SetPayload refuses it as a secret.
 *
 * @category constants
 * @since 0.1.0
 */
export const marker = "<redacted>"

/**
 * Whether what this node decodes to is a `Redacted`.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSecret = (ast: SchemaAST.AST): boolean => {
  const representation = ast.annotations?.["representation"]
  return SchemaAST.isDeclaration(ast) && representation !== undefined &&
    (representation as { readonly id?: unknown }).id === "effect/schema/Redacted"
}

const known = new WeakMap<SchemaAST.AST, boolean>()

/**
 * Whether there is a secret at this node or below it, on either side of its transformations.
 *
 * @category guards
 * @since 0.1.0
 */
export const contains = (ast: SchemaAST.AST): boolean => {
  const found = known.get(ast)
  if (found !== undefined) return found
  const secret = search(ast, new Set())
  known.set(ast, secret)
  return secret
}

const search = (ast: SchemaAST.AST, seen: Set<SchemaAST.AST>): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  return isSecret(ast) ||
    [...children(ast), ...(ast.encoding ?? []).map(({ to }) => to)].some((child) => search(child, seen))
}

const children = (ast: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  switch (ast._tag) {
    case "Declaration":
      return ast.typeParameters
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type)
    case "Arrays":
      return [...ast.elements, ...ast.rest]
    case "Union":
      return ast.types
    case "Suspend":
      return [ast.thunk()]
    default:
      return []
  }
}

/**
 * A decoded value as an answer shows it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shown {
  /** Encoded again, defaults filled in, the marker in place of secrets. */
  readonly metadata: JsonObject
  /** Where the input has the marker in place of a secret. */
  readonly markers: ReadonlyArray<ReadonlyArray<PropertyKey>>
}

/** Stands for a secret while encoding: not the marker itself, which a value that is no secret may well be. */
const placeholder = "\u0000kps:secret\u0000"

const hidden = <S extends Schema.Constraint>(schema: S) =>
  Schema.String.pipe(Schema.decodeTo(Schema.toType(schema), {
    decode: SchemaGetter.forbidden(() => "a hidden secret cannot be decoded"),
    encode: SchemaGetter.transform(() => placeholder)
  }))

/** One that holds a `Redacted`, and one for what is made of a secret by a transformation: anything. */
const hiddenRedacted = hidden(Schema.declare(Redacted.isRedacted))
const hiddenAnything = hidden(Schema.Unknown)

/**
 * Makes the encoder of a schema: `input` is what was decoded, as it came.
 *
 * **Details**
 *
 * Never fails and never shows a secret. Where a schema cannot encode (it decodes only, or a transformation of an
 * author does not let a hidden secret pass) the input is shown: as it came if the schema has no secrets, else with
 * every value hidden.
 *
 * @category constructors
 * @since 0.1.0
 */
export const shown = (schema: Connector.AnyCodec): (value: unknown, input: JsonObject) => Effect.Effect<Shown> => {
  const secret = contains(schema.ast)
  const encode = Schema.encodeUnknownEffect(
    Schema.toCodecJson(Schema.make<Connector.AnyCodec>(secret ? hide(schema.ast) : schema.ast)),
    // The checks of the encoded side are about the secret, not about what stands for it.
    { disableChecks: true }
  )
  return Effect.fnUntraced(function*(value, input) {
    const encoded = yield* Effect.option(Effect.catchDefect(encode(value), Effect.fail))
    const complete = encoded._tag === "Some" && isObject(encoded.value) ? encoded.value : undefined
    if (!secret) return { metadata: complete ?? input, markers: [] }
    const markers: Array<ReadonlyArray<PropertyKey>> = []
    const metadata = reveal(complete ?? blank(input), input, [], markers)
    return { metadata: isObject(metadata) ? metadata : {}, markers }
  })
}

/** The same schema, but what holds a secret encodes to the placeholder. */
const hide = (ast: SchemaAST.AST): SchemaAST.AST => {
  if (!contains(ast)) return ast
  if (isSecret(ast)) return inPlaceOf(ast, hiddenRedacted)
  const { annotations, checks, context } = ast
  const encoding = hideLinks(ast.encoding)
  switch (ast._tag) {
    case "Declaration":
      return new SchemaAST.Declaration(
        ast.typeParameters.map(hide),
        ast.run,
        annotations,
        checks,
        encoding,
        context,
        ast.encodingChecks,
        ast.encodingRun
      )
    case "Objects":
      return new SchemaAST.Objects(
        ast.propertySignatures.map(({ name, type }) => new SchemaAST.PropertySignature(name, hide(type))),
        ast.indexSignatures.map(({ parameter, type }) => new SchemaAST.IndexSignature(parameter, hide(type))),
        annotations,
        checks,
        encoding,
        context,
        ast.encodingChecks
      )
    case "Arrays":
      return new SchemaAST.Arrays(
        ast.isMutable,
        ast.elements.map(hide),
        ast.rest.map(hide),
        annotations,
        checks,
        encoding,
        context,
        ast.encodingChecks
      )
    case "Union":
      return new SchemaAST.Union(
        ast.types.map(hide),
        ast.options,
        annotations,
        checks,
        encoding,
        context,
        ast.encodingChecks
      )
    case "Suspend":
      return new SchemaAST.Suspend(() => hide(ast.thunk()), annotations, undefined, encoding, context)
    default:
      // A plain value that is made of something with a secret in it.
      return inPlaceOf(ast, hiddenAnything)
  }
}

const hideLinks = (encoding: SchemaAST.Encoding | undefined): SchemaAST.Encoding | undefined => {
  if (encoding === undefined) return undefined
  const [first, ...rest] = encoding
  const hideLink = (link: SchemaAST.Link) => new SchemaAST.Link(hide(link.to), link.transformation)
  return [hideLink(first), ...rest.map(hideLink)]
}

const inPlaceOf = (ast: SchemaAST.AST, schema: Schema.Top): SchemaAST.AST =>
  ast.context?.isOptional === true ? Schema.optionalKey(schema).ast : schema.ast

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The same shape with nothing in it. */
const blank = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) return value.map(blank)
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, child]) => [key, blank(child)]))
    : placeholder
}

/** Puts the marker where the placeholder is, and notes where the input has the marker too. */
const reveal = (
  value: JsonValue,
  input: JsonValue | undefined,
  at: ReadonlyArray<PropertyKey>,
  markers: Array<ReadonlyArray<PropertyKey>>
): JsonValue => {
  if (value === placeholder) {
    if (input === marker) markers.push(at)
    return marker
  }
  if (Array.isArray(value)) {
    const items = Array.isArray(input) ? input : []
    return value.map((child, index) => reveal(child, items[index], [...at, index], markers))
  }
  if (!isObject(value)) return value
  const fields = isObject(input) ? input : {}
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key,
      reveal(child, Object.hasOwn(fields, key) ? fields[key] : undefined, [...at, key], markers)
    ])
  )
}

/**
 * Every place where a Struct has the marker, whatever it stands for there.
 *
 * @category getters
 * @since 0.1.0
 */
export const markersIn = (
  value: JsonValue,
  at: ReadonlyArray<PropertyKey> = []
): ReadonlyArray<ReadonlyArray<PropertyKey>> => {
  if (value === marker) return [at]
  if (Array.isArray(value)) return value.flatMap((child, index) => markersIn(child, [...at, index]))
  return isObject(value) ? Object.entries(value).flatMap(([key, child]) => markersIn(child, [...at, key])) : []
}
