/**
 * Fields that several kinds of documents share.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const noControl = /^[^\u0000-\u001f\u007f]*$/u

/**
 * Name of a resource: 1 to 200 characters, without control characters, and no white space around it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Name = Schema.String.annotate({ description: "Name of the resource." }).check(
  Schema.isPattern(/^\S(?:.*\S)?$/u, { expected: "a name without white space around it" }),
  Schema.isPattern(noControl, { expected: "a name without control characters" }),
  Schema.isMaxLength(200, { expected: "a name of at most 200 characters" })
)

/**
 * Text that is not empty.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Text = Schema.String.check(Schema.isMinLength(1, { expected: "text that is not empty" }))

/**
 * Names another document: its id, or its name where the kind says so.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Reference = Schema.String.check(
  Schema.isPattern(/^\S(?:.*\S)?$/u, { expected: "an id without white space around it" }),
  Schema.isMaxLength(200, { expected: "an id of at most 200 characters" })
)

/**
 * What every stored document has: an id of at most so many characters, and what its store keeps.
 *
 * @category schemas
 * @since 0.1.0
 */
export const base = (maxIdLength: number) => ({
  /** Given by the store on create, unless it is there. */
  id: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^[A-Za-z0-9_=.-]+$/u, { expected: "an id of letters, digits, \"_\", \"=\", \".\" and \"-\"" }),
      Schema.isMaxLength(maxIdLength, { expected: `an id of at most ${maxIdLength} characters` })
    )
  ),
  tenantId: Schema.optionalKey(Schema.String),
  /** Nanoseconds since the Unix epoch. */
  version: Schema.optionalKey(Schema.Finite),
  createdAt: Schema.optionalKey(Schema.String),
  updatedAt: Schema.optionalKey(Schema.String)
})

/**
 * An object of which a schema of a class says what it holds.
 *
 * @category schemas
 * @since 0.1.0
 */
export const JsonObject = Schema.Record(Schema.String, Schema.Json).annotate({ expected: "an object" })

/**
 * @category models
 * @since 0.1.0
 */
export type JsonObject = typeof JsonObject.Type

/**
 * A value of a category: a label of a stream, or a selector of service domains and streams.
 *
 * @category schemas
 * @since 0.1.0
 */
export const CategoryInfo = Schema.Struct({
  /** Id of the category. */
  id: Reference,
  value: Text
})

/**
 * @category models
 * @since 0.1.0
 */
export type CategoryInfo = typeof CategoryInfo.Type

/**
 * On which service domains of its project a stream or a config is in force. None named: on all of them.
 *
 * @category schemas
 * @since 0.1.0
 */
export const placement = {
  /** Only in a project that lists its service domains. */
  serviceDomainIds: Schema.optionalKey(Schema.Array(Reference)),
  /** Only in a project that selects its service domains by categories. */
  serviceDomainSelectors: Schema.optionalKey(Schema.Array(CategoryInfo)),
  /** Of those, the ones it is not in force on. */
  excludeServiceDomainIds: Schema.optionalKey(Schema.Array(Reference))
}

/**
 * Literals of which some have an earlier spelling that is accepted and not written.
 *
 * @category schemas
 * @since 0.1.0
 */
export const spellings = <const L extends string, const Old extends string>(
  literals: ReadonlyArray<L>,
  earlier: Readonly<Record<Old, L>>
): Schema.Codec<L, L | Old> => {
  const isEarlier = (text: L | Old): text is Old => Object.hasOwn(earlier, text)
  const accepted: ReadonlyArray<L | Old> = [
    ...literals,
    ...Object.keys(earlier).filter((key): key is Old => key in earlier)
  ]
  return Schema.Literals(accepted).annotate({ expected: literals.map((text) => JSON.stringify(text)).join(" or ") })
    .pipe(
      Schema.decodeTo(
        Schema.Literals(literals),
        SchemaTransformation.transform({
          decode: (text: L | Old): L => isEarlier(text) ? earlier[text] : text,
          encode: (text: L): L | Old => text
        })
      )
    )
}

/**
 * Which way a stream flows: into pipelines or out of them. SOURCE and SINK are what they were called before.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Direction = spellings(["INGRESS", "EGRESS"], { SOURCE: "INGRESS", SINK: "EGRESS" })
