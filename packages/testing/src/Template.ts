/**
 * Placeholders in the texts of a description.
 *
 * `{stream}` is a name of lower-case letters and digits, another one for every stream of the suite; `{outside}` the
 * `host:port` of the outside broker as the connector reaches it; `{unreachable}` a `host:port` that takes no
 * conversation and counts the tries; `{secret}` a text that nobody may ever see.
 *
 * @since 0.1.0
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import * as Schema from "effect/Schema"

/**
 * @category models
 * @since 0.1.0
 */
export type Name = "stream" | "outside" | "unreachable" | "secret"

/**
 * What the placeholders stand for.
 *
 * @category models
 * @since 0.1.0
 */
export type Values = { readonly [K in Name]?: string | undefined }

const names: ReadonlySet<string> = new Set<Name>(["stream", "outside", "unreachable", "secret"])
const placeholder = /\{([a-z]+)\}/g

const textsOf = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
    ? Object.values(value).flatMap(textsOf)
    : []

/**
 * Whether a placeholder is anywhere in a value.
 *
 * @category guards
 * @since 0.1.0
 */
export const uses = (value: unknown, name: Name): boolean => textsOf(value).some((text) => text.includes(`{${name}}`))

/**
 * The first placeholder that is none, in words; nothing when all are known.
 *
 * @category validation
 * @since 0.1.0
 */
export const problemOf = (value: unknown): string | undefined => {
  for (const text of textsOf(value)) {
    for (const [all, name = ""] of text.matchAll(placeholder)) {
      if (!names.has(name)) return `want {stream}, {outside}, {unreachable} or {secret}, got ${all}`
    }
  }
  return undefined
}

/**
 * Schema of a text with placeholders.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Text = Schema.NonEmptyString.check(Schema.makeFilter((text) => problemOf(text)))

/**
 * Fills in a text. A placeholder without a value stays.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = (template: string, values: Values): string =>
  template.replaceAll(placeholder, (all, name: string) => names.has(name) ? values[name as Name] ?? all : all)

const json = (value: JsonValue, values: Values): JsonValue =>
  typeof value === "string"
    ? text(value, values)
    : Array.isArray(value)
    ? value.map((item) => json(item, values))
    : typeof value === "object" && value !== null
    ? object(value, values)
    : value

/**
 * Fills in every text of an object.
 *
 * @category rendering
 * @since 0.1.0
 */
export const object = (template: JsonObject, values: Values): JsonObject =>
  Object.fromEntries(Object.entries(template).map(([key, value]) => [key, json(value, values)]))
