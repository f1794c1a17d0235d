/**
 * The JSON Schema of a connector's parameters, made from the Effect Schema that decodes them.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { JsonObject } from "./Fields.ts"
import { isRecord } from "./internal/text.ts"
import * as Violation from "./Violation.ts"

/** What a class has where its connector has no parameters of a kind. */
const none: JsonObject = { type: "object", properties: {}, additionalProperties: false }

/**
 * Makes the draft-07 schema of parameters; of no parameters where there is no Effect Schema.
 *
 * **Details**
 *
 * Unknown keys are refused, as the server refuses them. Annotations `title`, `description`, `default`, `examples`,
 * `writeOnly` and those that begin with `x-` are kept. What several properties share by an `identifier` stands under
 * `definitions`. Checks that JSON Schema cannot express are left out: the connector makes them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (schema: Connector.AnyCodec | undefined): JsonObject => {
  if (schema === undefined) return none
  const document = JsonSchema.toDocumentDraft07(
    Schema.toJsonSchemaDocument(schema, {
      onExcessProperty: "error",
      includeAnnotationKey: (key) => key.startsWith("x-")
    })
  )
  const made = inline(document.schema, document.definitions)
  const { not, ...rest } = made
  // an empty Struct takes everything but null, and that is what Effect says of it
  return json(isRecord(not) && not["type"] === "null" ? { ...rest, ...none } : made)
}

/** One cast: a JSON Schema is JSON, which its type leaves open. */
const json = (schema: JsonSchema.JsonSchema): JsonObject => schema as JsonObject

/** The schema with what it refers to; one that is nothing but a reference is what it refers to. */
const inline = (schema: JsonSchema.JsonSchema, definitions: JsonSchema.Definitions): JsonSchema.JsonSchema => {
  const key = nameOf(schema)
  const target = key === undefined ? undefined : definitions[key]
  if (key === undefined || target === undefined) {
    return Object.keys(definitions).length === 0 ? schema : { ...schema, definitions }
  }
  const { [key]: _, ...others } = definitions
  const isUsed = JSON.stringify([target, others]).includes(JSON.stringify(schema["$ref"]))
  return inline(target, isUsed ? definitions : others)
}

const prefix = "#/definitions/"

/** The name of the definition that a schema refers to. */
const nameOf = (schema: Readonly<Record<string, unknown>>): string | undefined => {
  const { $ref: ref } = schema
  return typeof ref === "string" && ref.startsWith(prefix)
    ? ref.slice(prefix.length).replaceAll("~1", "/").replaceAll("~0", "~")
    : undefined
}

/**
 * Properties of a schema without a description, however deep, by their paths: `addresses[].name`.
 *
 * @category checking
 * @since 0.1.0
 */
export const undescribed = (schema: JsonObject, path: string): ReadonlyArray<Violation.Violation> => {
  const { definitions } = schema
  const target = (one: Readonly<Record<string, unknown>>) => {
    const key = nameOf(one)
    const found = key !== undefined && isRecord(definitions) ? definitions[key] : undefined
    return isRecord(found) ? found : undefined
  }
  const parts = (one: Readonly<Record<string, unknown>>) =>
    ["allOf", "anyOf", "oneOf"].flatMap((key) => {
      const some = one[key]
      return Array.isArray(some) ? some.filter(isRecord) : []
    })
  const isDescribed = (one: Readonly<Record<string, unknown>>, depth = 0): boolean => {
    if (depth > 10) return false
    const found = target(one)
    return (typeof one["description"] === "string" && one["description"].trim() !== "") ||
      (found !== undefined && isDescribed(found, depth + 1)) ||
      parts(one).some((part) => isDescribed(part, depth + 1))
  }

  const seen = new Set<unknown>()
  const paths = new Set<string>()
  const visit = (one: unknown, at: string): void => {
    if (!isRecord(one) || seen.has(one)) return
    seen.add(one)
    visit(target(one), at)
    for (const part of parts(one)) visit(part, at)
    const { additionalProperties, items, properties } = one
    for (const [key, property] of Object.entries(isRecord(properties) ? properties : {})) {
      const within = Violation.path(at, [key])
      if (isRecord(property) && !isDescribed(property)) paths.add(within)
      visit(property, within)
    }
    for (const item of Array.isArray(items) ? items : [items]) visit(item, `${at}[]`)
    visit(additionalProperties, `${at}{}`)
  }
  visit(schema, path)
  return [...paths].map((path) => ({ path, message: "expected a description: annotate({ description: \"…\" })" }))
}

const isRedacted = (ast: SchemaAST.AST): ast is SchemaAST.Declaration => {
  const representation = ast.annotations?.["representation"]
  return SchemaAST.isDeclaration(ast) && isRecord(representation) && representation["id"] === "effect/schema/Redacted"
}

/** An annotation before a check stays with the schema, one after it goes to the check. */
const isWriteOnly = ({ annotations, checks }: SchemaAST.AST): boolean =>
  [annotations, ...(checks ?? []).map((check) => check.annotations)].some((some) => some?.["writeOnly"] === true)

/**
 * Secrets of a schema that are not marked as such: paths of what decodes to a `Redacted` and is not `writeOnly`.
 *
 * **Details**
 *
 * JSON Schema does not know secrets: without the mark a form shows what is typed, and an error what was refused. It
 * belongs on the schema within: `Schema.RedactedFromValue(Schema.String.annotate({ writeOnly: true }))`.
 *
 * @category checking
 * @since 0.1.0
 */
export const unmarkedSecrets = (
  schema: Connector.AnyCodec | undefined,
  path: string
): ReadonlyArray<Violation.Violation> => {
  const seen = new Set<SchemaAST.AST>()
  const paths = new Set<string>()
  const visit = (ast: SchemaAST.AST, at: string): void => {
    if (seen.has(ast)) return
    seen.add(ast)
    if (isRedacted(ast)) {
      const [within] = ast.typeParameters
      if (within === undefined || !isWriteOnly(within)) paths.add(at)
      return
    }
    switch (ast._tag) {
      case "Objects":
        for (const { name, type } of ast.propertySignatures) visit(type, Violation.path(at, [name]))
        for (const { type } of ast.indexSignatures) visit(type, `${at}{}`)
        return
      case "Arrays":
        return [...ast.elements, ...ast.rest].forEach((item) => visit(item, `${at}[]`))
      case "Union":
        return ast.types.forEach((type) => visit(type, at))
      case "Suspend":
        return visit(ast.thunk(), at)
      default:
        return
    }
  }
  if (schema !== undefined) visit(schema.ast, path)
  return [...paths].map((path) => ({
    path,
    message: "expected the mark of a secret: annotate({ writeOnly: true }) on the schema within Redacted"
  }))
}
