/**
 * A category: a name with values, by which streams and service domains are labelled and selected.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Door } from "./Door.ts"
import * as Fields from "./Fields.ts"
import { door, open } from "./internal/resource.ts"
import { list } from "./internal/text.ts"
import type * as Reference from "./Reference.ts"
import * as Violation from "./Violation.ts"

const Values = Schema.Array(Fields.Text).check(
  Schema.isMinLength(1, { expected: "at least one value" }),
  Schema.makeFilter((values) => {
    const seen = new Set<string>()
    return values.flatMap((value, n) => {
      if (seen.has(value)) return [{ path: [n], issue: "expected each value once" }]
      seen.add(value)
      return []
    })
  })
)

const fields = {
  ...Fields.base(64),
  name: Fields.Name,
  /** What it is for. A file says `description`. */
  purpose: Schema.String,
  values: Values
}

/**
 * Schema of a category. Keys that it does not know are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Category = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type Category = typeof Category.Type

/**
 * `decode` reads a document and fails with everything that is wrong with it; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("category", Category, Object.keys(fields))

/**
 * Schema of a category in a file.
 *
 * @category manifests
 * @since 0.1.0
 */
export const Manifest = open({ name: Fields.Name, description: Schema.optionalKey(Schema.String), values: Values })

/**
 * @category manifests
 * @since 0.1.0
 */
export type Manifest = typeof Manifest.Type

/**
 * `decode` and `encode` of a category in a file.
 *
 * @category manifests
 * @since 0.1.0
 */
export const manifest: Door<Manifest> = door("category", Manifest, ["name", "description", "values"])

/**
 * The category that a file describes.
 *
 * @category manifests
 * @since 0.1.0
 */
export const fromManifest = ({ description = "", ...rest }: Manifest): Category => ({ ...rest, purpose: description })

/**
 * A category as a file describes it, without what a store adds.
 *
 * @category manifests
 * @since 0.1.0
 */
export const toManifest = (category: Category): Manifest => {
  const { createdAt: _c, id: _i, purpose, tenantId: _t, updatedAt: _u, version: _v, ...rest } = category
  return { ...rest, description: purpose }
}

/**
 * What is wrong with labels or selectors: categories that are not there, and values that a category has not.
 *
 * @category checking
 * @since 0.1.0
 */
export const checkInfos = (
  infos: ReadonlyArray<Fields.CategoryInfo>,
  categories: ReadonlyArray<Category>,
  path: string
): ReadonlyArray<Violation.Violation> =>
  infos.flatMap(({ id, value }, n) => {
    const category = categories.find((category) => category.id === id)
    if (category === undefined) return [Violation.make(`${path}[${n}].id`, "the id of a category", id)]
    return category.values.includes(value)
      ? []
      : [Violation.make(`${path}[${n}].value`, `a value of "${category.name}" (${list(category.values)})`, value)]
  })

/**
 * Labels or selectors with the ids of the categories that they name.
 *
 * @category converting
 * @since 0.1.0
 */
export const resolveNames = (
  infos: ReadonlyArray<Fields.CategoryInfo>,
  categories: ReadonlyArray<Reference.Named>,
  path: string,
  idOf: Reference.Resolver["idOf"]
): ReadonlyArray<Fields.CategoryInfo> =>
  infos.map(({ id, value }, n) => ({ id: idOf(id, categories, "a category", `${path}[${n}].id`), value }))
