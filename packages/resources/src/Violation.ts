/**
 * One thing that is wrong with a document: where, what was expected, what is there.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import { cut, describe, quote } from "./internal/text.ts"

/**
 * Schema of a violation.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Violation = Schema.Struct({
  /** Where in the document: `labels[0].value`. Empty: the document as a whole. */
  path: Schema.String,
  /** What was expected and what is there: `expected a string, got 5`. Values are cut at 200 characters. */
  message: Schema.String,
  /** Line of the file, from 1, where that is known. */
  line: Schema.optionalKey(Schema.Int)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Violation = typeof Violation.Type

/**
 * The keys and indices that lead to a value.
 *
 * @category models
 * @since 0.1.0
 */
export type Keys = ReadonlyArray<PropertyKey>

const identifier = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u

/**
 * A path below another, cut at 500 characters. A key that is no identifier is quoted: `categorySelectors["a b"][0]`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const path = (base: string, keys: Keys): string => {
  let text = base
  for (const key of keys) {
    if (typeof key === "number") text += `[${key}]`
    else if (identifier.test(String(key))) text += text === "" ? cut(String(key)) : `.${cut(String(key))}`
    else text += `[${quote(String(key))}]`
  }
  return cut(text, 500)
}

/**
 * Makes a violation of a value that is shown.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (path: string, expected: string, got: unknown): Violation => ({
  path,
  message: `expected ${expected}, got ${describe(got)}`
})

/**
 * The same violations in a document that holds what they are about.
 *
 * @category formatting
 * @since 0.1.0
 */
export const within = (base: string, violations: ReadonlyArray<Violation>): ReadonlyArray<Violation> =>
  violations.map((violation) => ({
    ...violation,
    path: violation.path === "" || violation.path.startsWith("[")
      ? `${base}${violation.path}`
      : `${base}.${violation.path}`
  }))

/**
 * In one line: `line 12, labels[0].value: expected a string, got 5`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const text = ({ line, message, path }: Violation): string =>
  [line === undefined ? "" : `line ${line}`, path].filter((part) => part !== "").join(", ")
    .concat(": ").replace(/^: /, "").concat(message)

/**
 * Everything that a schema found wrong with a value.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromIssue = (issue: SchemaIssue.Issue, input: unknown): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  visit(
    issue,
    [],
    (keys, expected, isShown = true) =>
      violations.push({ path: path("", keys), message: cut(expected, 300) + (isShown ? got(input, keys) : "") })
  )
  return violations
}

type Report = (keys: Keys, expected: string, isShown?: boolean) => void

const visit = (issue: SchemaIssue.Issue, keys: Keys, report: Report): void => {
  switch (issue._tag) {
    case "Pointer":
      return visit(issue.issue, [...keys, ...issue.path], report)
    case "Encoding":
      return visit(issue.issue, keys, report)
    case "Composite":
      for (const child of issue.issues) visitChild(issue.ast, child, keys, report)
      return
    case "AnyOf": {
      const [only, ...others] = issue.issues
      if (only !== undefined && others.length === 0) return visit(only, keys, report)
      return report(keys, expectedBy(issue.ast))
    }
    case "OneOf":
      return report(keys, expectedBy(issue.ast))
    case "Filter":
      return issue.issue._tag === "Pointer" || issue.issue._tag === "Composite"
        ? visit(issue.issue, keys, report)
        : report(keys, words(issue))
    case "MissingKey":
      return report(keys, "expected a value, got none", false)
    case "UnexpectedKey":
      return report(keys, "expected no such key", false)
    default:
      return report(keys, words(issue))
  }
}

/** A key that is missing is told by what holds it. */
const visitChild = (parent: SchemaAST.AST, child: SchemaIssue.Issue, keys: Keys, report: Report): void => {
  if (child._tag === "Pointer" && child.issue._tag === "MissingKey" && parent._tag === "Objects") {
    const property = parent.propertySignatures.find(({ name }) => name === child.path[0])
    if (property !== undefined) {
      return report([...keys, ...child.path], `${expectedBy(property.type)}, got none`, false)
    }
  }
  visit(child, keys, report)
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The words of the schema, as a sentence goes on: "expected a string", not "Expected string". */
const words = (issue: SchemaIssue.Issue): string =>
  (format(issue).issues[0]?.message ?? "expected a valid value")
    .replace(/^E(?=xpected )/u, "e")
    .replace(/^(expected )(?=(?:string|number|boolean|JSON value)$)/u, "$1a ")
    .replace(/^(expected )(?=(?:array|object)$)/u, "$1an ")
    .replaceAll(" | ", " or ")

const expectedBy = (ast: SchemaAST.AST): string => words(new SchemaIssue.InvalidType(ast))

const got = (input: unknown, keys: Keys): string => {
  let value = input
  for (const key of keys) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, key)) return ""
    // One cast: an own key of an object or array.
    value = (value as { readonly [key: PropertyKey]: unknown })[key]
  }
  return `, got ${describe(value)}`
}
