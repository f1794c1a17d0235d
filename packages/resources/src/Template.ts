/**
 * The text of a class's Kubernetes resources, with places for the static parameters of an instance.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { describe, list, quote } from "./internal/text.ts"
import * as InvalidResource from "./InvalidResource.ts"
import type { Violation } from "./Violation.ts"

/**
 * A piece of a template: text as it is, or the place of a parameter and the line it is on, from 1.
 *
 * @category models
 * @since 0.1.0
 */
export type Part =
  | { readonly _tag: "Text"; readonly text: string }
  | { readonly _tag: "Parameter"; readonly name: string; readonly line: number }

const place = /^\s*\.Parameters\.([A-Za-z_][A-Za-z0-9_]*)\s*$/

/**
 * A template in pieces, and what is wrong with it.
 *
 * **Details**
 *
 * `{{ .Parameters.image_tag }}` is the place of a parameter. Nothing else of Go's templates is understood: another action,
 * or braces that are not closed on their line, is a violation with the line.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (
  template: string
): { readonly parts: ReadonlyArray<Part>; readonly violations: ReadonlyArray<Violation> } => {
  const parts: Array<Part> = []
  const violations: Array<Violation> = []
  for (const [index, text] of template.split(/(?<=\n)/).entries()) {
    const line = index + 1
    let from = 0
    for (let open = text.indexOf("{{"); open !== -1; open = text.indexOf("{{", from)) {
      parts.push({ _tag: "Text", text: text.slice(from, open) })
      const close = text.indexOf("}}", open)
      if (close === -1) {
        violations.push({
          path: "",
          line,
          message: `expected "}}" on the same line, got ${quote(text.slice(open).trim())}`
        })
        from = text.length
        break
      }
      const name = place.exec(text.slice(open + 2, close))?.[1]
      from = close + 2
      if (name !== undefined) parts.push({ _tag: "Parameter", name, line })
      else {
        violations.push({
          path: "",
          line,
          message: `expected {{ .Parameters.<name> }}, got ${
            quote(text.slice(open, from))
          }: no other action is rendered`
        })
      }
    }
    parts.push({ _tag: "Text", text: text.slice(from) })
  }
  return { parts, violations }
}

/**
 * What is wrong with a template whose parameters have these names.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (template: string, names: ReadonlyArray<string>): ReadonlyArray<Violation> => {
  const { parts, violations } = parse(template)
  return [...violations, ...parts.flatMap((part) => part._tag === "Text" ? [] : unknown(part, names))]
}

const unknown = ({ line, name }: { readonly line: number; readonly name: string }, names: ReadonlyArray<string>) =>
  names.includes(name) ? [] : [{
    path: "",
    line,
    message: `expected a static parameter (${names.length === 0 ? "there is none" : list(names)}), got ${quote(name)}`
  }]

/**
 * The template with values in their places.
 *
 * **Details**
 *
 * A value is text without control characters, a number or a boolean. Fails with everything that is wrong: with the
 * template, parameters without a value, values of another kind. What the values make of the text is not looked at here.
 *
 * @category rendering
 * @since 0.1.0
 */
export const render = Effect.fnUntraced(function*(
  template: string,
  values: Readonly<Record<string, unknown>>
): Effect.fn.Return<string, InvalidResource.InvalidResource> {
  const { parts, violations } = parse(template)
  const wrong = [...violations]
  const texts = parts.map((part) => {
    if (part._tag === "Text") return part.text
    const value = Object.hasOwn(values, part.name) ? values[part.name] : undefined
    if (isPlain(value)) return String(value)
    wrong.push(
      value === undefined
        ? {
          path: "",
          line: part.line,
          message: `expected a value for the static parameter ${quote(part.name)}, got none`
        }
        : {
          path: "",
          line: part.line,
          message: `expected text of one line, a number or a boolean for ${quote(part.name)}, got ${describe(value)}`
        }
    )
    return ""
  })
  yield* InvalidResource.unless("the template", wrong)
  return texts.join("")
})

const isPlain = (value: unknown): boolean =>
  typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value)) ||
  (typeof value === "string" && !/[\p{Cc}\u2028\u2029]/u.test(value))
