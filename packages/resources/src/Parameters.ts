/**
 * Values of parameters, checked against the schemas of a class: JSON Schema draft-07.
 *
 * @since 0.1.0
 */
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv"
import * as Result from "effect/Result"
import type { JsonObject } from "./Fields.ts"
import { cut, describe, isRecord, kindOf, list } from "./internal/text.ts"
import * as Violation from "./Violation.ts"

// what it does not know, such as formats and keywords of others, is no business of it
const make = () =>
  new Ajv({
    allErrors: true,
    verbose: true,
    strict: false,
    validateFormats: false,
    logger: false,
    addUsedSchema: false
  })

const compiled = new WeakMap<object, Result.Result<ValidateFunction, string>>()

/** Compiled once for each schema object. */
const compile = (schema: JsonObject): Result.Result<ValidateFunction, string> => {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const made = Result.try({
    try: () => make().compile(schema),
    catch: (cause) => cause instanceof Error ? cause.message : String(cause)
  })
  compiled.set(schema, made)
  return made
}

/**
 * What is wrong with a schema: no draft-07, a pattern that cannot be compiled, a reference that leads nowhere, not about
 * an object.
 *
 * @category checking
 * @since 0.1.0
 */
export const checkSchema = (schema: JsonObject | undefined, path: string): ReadonlyArray<Violation.Violation> => {
  if (schema === undefined) return []
  const made = compile(schema)
  return [
    ...(Result.isFailure(made) ? [{ path, message: `expected a JSON Schema of draft-07: ${cut(made.failure)}` }] : []),
    ...(schema["type"] === "object" || schema["$ref"] !== undefined
      ? []
      : [Violation.make(`${path}.type`, "\"object\": parameters have names", schema["type"])])
  ]
}

/**
 * Everything that is wrong with values beside a schema of their class; without a schema anything goes. The values of
 * properties that are `writeOnly` are not shown.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  schema: JsonObject | undefined,
  values: unknown,
  path: string
): ReadonlyArray<Violation.Violation> => {
  if (schema === undefined) return []
  const made = compile(schema)
  if (Result.isFailure(made)) return [{ path, message: `the schema of the class is none: ${cut(made.failure)}` }]
  const validate = made.success
  if (validate(values)) return []
  return told(validate.errors ?? []).map((error) => toViolation(error, path))
}

/** Without those that only say which branch of a choice failed: the choice itself is told. */
const told = (errors: ReadonlyArray<ErrorObject>): ReadonlyArray<ErrorObject> => {
  const choices = errors.filter(({ keyword }) => keyword === "anyOf" || keyword === "oneOf" || keyword === "if")
  return errors.filter((error) =>
    !choices.some((choice) => choice !== error && error.schemaPath.startsWith(`${choice.schemaPath}/`))
  )
}

/** The keys of a JSON pointer; numbers where they lead into an array is not known of it, so by their look. */
const keysOf = (pointer: string): Violation.Keys =>
  pointer.split("/").slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((key) => /^(?:0|[1-9][0-9]*)$/.test(key) ? Number(key) : key)

const isSecret = (schema: unknown): boolean =>
  isRecord(schema) && (schema["writeOnly"] === true || schema["x-kps-secret"] === true)

const toViolation = (error: ErrorObject, base: string): Violation.Violation => {
  const { data, instancePath, parentSchema = {} } = error
  // One cast: ajv types what a keyword has to say by the keyword, and this reads it whatever that is.
  const params = error.params as Readonly<Record<string, unknown>>
  const keys = keysOf(instancePath)
  const at = (...more: ReadonlyArray<string>) => Violation.path(base, [...keys, ...more])
  switch (error.keyword) {
    case "required": {
      const key = String(params["missingProperty"])
      const properties = isRecord(parentSchema["properties"]) ? parentSchema["properties"] : {}
      const property = properties[key]
      return { path: at(key), message: `expected ${isRecord(property) ? kind(property) : "a value"}, got none` }
    }
    case "additionalProperties": {
      const properties = isRecord(parentSchema["properties"]) ? Object.keys(parentSchema["properties"]) : []
      const known = properties.length === 0 ? "" : ` (known: ${list(properties)})`
      return { path: at(String(params["additionalProperty"])), message: `expected no such key${known}` }
    }
    default: {
      const shown = isSecret(parentSchema) ? kindOf(data) : describe(data)
      return { path: at(), message: `expected ${expected(error, params)}, got ${shown}` }
    }
  }
}

/** The type that a schema asks for, in words. */
const kind = (schema: Readonly<Record<string, unknown>>): string => {
  if (Array.isArray(schema["enum"])) return `one of ${schema["enum"].map((value) => JSON.stringify(value)).join(", ")}`
  return typeof schema["type"] === "string" ? article(schema["type"]) : "a value"
}

const article = (type: string): string => type === "null" ? "null" : /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`

const expected = (error: ErrorObject, params: Readonly<Record<string, unknown>>): string => {
  const limit = String(params["limit"])
  switch (error.keyword) {
    case "type":
      return String(params["type"]).split(",").map(article).join(" or ")
    case "enum":
      return kind({ enum: params["allowedValues"] })
    case "const":
      return JSON.stringify(params["allowedValue"])
    case "pattern":
      return `text that matches ${cut(String(params["pattern"]))}`
    case "minLength":
      return `at least ${limit} characters`
    case "maxLength":
      return `at most ${limit} characters`
    case "minItems":
      return `at least ${limit} items`
    case "maxItems":
      return `at most ${limit} items`
    case "minimum":
    case "maximum":
    case "exclusiveMinimum":
    case "exclusiveMaximum":
      return `a number ${String(params["comparison"])} ${limit}`
    default:
      return `a value that ${
        cut(
          (error.message ?? error.keyword).replace(/^must be /, "is ").replace(/^must not /, "does not ")
            .replace(/^must have /, "has ").replace(/^must match /, "matches ")
        )
      }`
  }
}
