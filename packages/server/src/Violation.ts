/**
 * What is wrong with a request: where, what was expected, what came.
 *
 * @since 0.1.0
 */
import type { JsonValue } from "@bufbuild/protobuf"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import { count, cut, describe, kindOf, quote } from "./internal/text.ts"
import * as Secrets from "./Secrets.ts"

/**
 * Schema of one thing that is wrong with a request.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Violation = Schema.Struct({
  /** Where, in the words of the proto: `payloads[2].stream.metadata.subject`. */
  path: Schema.String,
  /** What was expected and what came: `expected a string, got 5`. Values are cut, those of secrets not shown. */
  description: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export type Violation = typeof Violation.Type

/**
 * Where a value is within its Struct: the keys and indices that lead to it.
 *
 * @category models
 * @since 0.1.0
 */
export type Keys = ReadonlyArray<PropertyKey>

const identifier = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u

/**
 * A path into a request, cut at 500 characters. A key that is no identifier is quoted.
 *
 * @category formatting
 * @since 0.1.0
 */
export const path = (base: string, keys: Keys): string => {
  let text = base
  for (const key of keys) {
    if (typeof key === "number") text += `[${key}]`
    else text += identifier.test(String(key)) ? `.${cut(String(key))}` : `[${quote(String(key))}]`
  }
  return cut(text, 500)
}

/**
 * Makes a violation of a value that may be shown.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (path: string, expected: string, got: JsonValue): Violation => ({
  path,
  description: `expected ${expected}, got ${describe(got)}`
})

/**
 * Everything that a schema found wrong with a value, one violation for each place.
 *
 * **Details**
 *
 * What came is shown only where the schema has no secret at or below that place, and never for a key that the schema
 * does not know: it may be a misspelt secret. Texts that an author's check makes of the value are dropped where the
 * value is a secret.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromIssue = (
  issue: SchemaIssue.Issue,
  input: JsonValue,
  at: (keys: Keys) => string
): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  visit(
    issue,
    [],
    false,
    (keys, expected, shown) =>
      violations.push({ path: at(keys), description: cut(expected, 300) + got(input, keys, shown) })
  )
  return violations
}

type Shown = "value" | "kind" | "nothing"
type Report = (keys: Keys, expected: string, shown: Shown) => void

const visit = (issue: SchemaIssue.Issue, keys: Keys, secret: boolean, report: Report): void => {
  switch (issue._tag) {
    case "Pointer":
      return visit(issue.issue, [...keys, ...issue.path], secret, report)
    case "Encoding":
      // Past a transformation keys and values may have other names: nothing below tells what is a secret.
      return visit(issue.issue, keys, secret || Secrets.contains(issue.ast), report)
    case "Composite":
      for (const child of issue.issues) visitChild(issue.ast, child, keys, secret, report)
      return
    case "AnyOf": {
      const [only, ...others] = issue.issues
      if (only !== undefined && others.length === 0) {
        return visit(only, keys, secret || Secrets.contains(issue.ast), report)
      }
      return report(keys, expectedBy(issue.ast), secret || Secrets.contains(issue.ast) ? "kind" : "value")
    }
    case "Filter":
      return issue.issue._tag === "Pointer" || issue.issue._tag === "Composite"
        ? visit(issue.issue, keys, secret, report)
        : report(keys, secret ? said(issue.filter.annotations) : words(issue), secret ? "kind" : "value")
    case "InvalidType":
      return report(keys, words(issue), secret || Secrets.contains(issue.ast) ? "kind" : "value")
    case "OneOf":
      return report(keys, expectedBy(issue.ast), secret || Secrets.contains(issue.ast) ? "kind" : "value")
    case "InvalidValue":
    case "Forbidden":
      return report(keys, secret ? said(issue.annotations) : words(issue), secret ? "kind" : "value")
    case "MissingKey":
      return report(keys, "expected a value, got none", "nothing")
    case "UnexpectedKey":
      return report(keys, `expected no such key${known(issue.ast)}`, "nothing")
  }
}

/** A key that is missing or too many is told by what holds it. */
const visitChild = (
  parent: SchemaAST.AST,
  child: SchemaIssue.Issue,
  keys: Keys,
  secret: boolean,
  report: Report
): void => {
  if (child._tag === "Pointer" && child.issue._tag === "MissingKey" && parent._tag === "Objects") {
    const property = parent.propertySignatures.find(({ name }) => name === child.path[0])
    if (property !== undefined) {
      return report([...keys, ...child.path], `${expectedBy(property.type)}, got none`, "nothing")
    }
  }
  visit(child, keys, secret || Secrets.isSecret(parent), report)
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The words of the schema for one issue: the input was not kept, so that they cannot show it by themselves. */
const words = (issue: SchemaIssue.Issue): string => {
  const message = format(issue).issues[0]?.message ?? "expected a valid value"
  return message.replace(/^E(?=xpected )/u, "e")
}

const expectedBy = (ast: SchemaAST.AST): string => words(new SchemaIssue.InvalidType(ast))

/** Words that cannot depend on the value. */
const said = (annotations: { readonly [key: string]: unknown } | undefined): string => {
  const expected = annotations?.["expected"]
  return typeof expected === "string" ? `expected ${expected}` : "expected a valid value"
}

const known = (ast: SchemaAST.AST): string => {
  if (ast._tag !== "Objects" || ast.propertySignatures.length === 0) return ""
  return ` (known: ${cut(ast.propertySignatures.map(({ name }) => quote(String(name))).join(", "))})`
}

const got = (input: JsonValue, keys: Keys, shown: Shown): string => {
  if (shown === "nothing") return ""
  let value: JsonValue = input
  for (const key of keys) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, key)) return ""
    // One cast: an own key of an object or array that came as JSON.
    value = (value as { [key: PropertyKey]: JsonValue })[key] as JsonValue
  }
  return `, got ${shown === "value" ? describe(value) : kindOf(value)}`
}

/**
 * The first few violations in one line, for the message of a status; all of them are in its details.
 *
 * @category formatting
 * @since 0.1.0
 */
export const summary = (violations: ReadonlyArray<Violation>): string => {
  const shown = violations.slice(0, 3).map(({ description, path }) => `${path}: ${description}`)
  const more = violations.length - shown.length
  return `${count(violations.length, "violation")}: ${shown.join("; ")}${more > 0 ? `; and ${more} more` : ""}`
}
