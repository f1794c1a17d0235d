/**
 * A connector class: what a connector is to the platform, and the Kubernetes resources that an instance of it is.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Fields from "./Fields.ts"
import { door, open, subject } from "./internal/resource.ts"
import { cut, describe, isRecord } from "./internal/text.ts"
import * as InvalidResource from "./InvalidResource.ts"
import * as Kubernetes from "./Kubernetes.ts"
import * as Parameters from "./Parameters.ts"
import * as ParameterSchema from "./ParameterSchema.ts"
import * as Template from "./Template.ts"
import * as Violation from "./Violation.ts"

const fields = {
  ...Fields.base(36),
  name: Fields.Name,
  description: Schema.optionalKey(Schema.String),
  /** Of the connector: the same name with another version is another class. */
  connectorVersion: Fields.Text,
  minSvcDomainVersion: Schema.optionalKey(Schema.String),
  /** Which directions its streams may have. */
  type: Fields.spellings(["INGRESS", "EGRESS", "BIDIRECTIONAL"], { SOURCE: "INGRESS", SINK: "EGRESS" }),
  staticParameterSchema: Schema.optionalKey(Fields.JsonObject),
  configParameterSchema: Schema.optionalKey(Fields.JsonObject),
  streamParameterSchema: Schema.optionalKey(Fields.JsonObject),
  /** Kubernetes resources in YAML, with places for the static parameters. */
  yamlData: Fields.Text
}

/**
 * Schema of a class. Keys that it does not know are kept; the types SOURCE and SINK are read as INGRESS and EGRESS.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ConnectorClass = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type ConnectorClass = typeof ConnectorClass.Type

/**
 * `decode` reads a document and fails with everything that is wrong with its fields; `encode` gives the document back.
 * Whether schemas and template are any good is told by `check`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("connector class", ConnectorClass, Object.keys(fields))

/**
 * The fields that hold a schema, and what of a definition each is made from.
 *
 * @category models
 * @since 0.1.0
 */
export const parameterSchemas = {
  staticParameterSchema: "staticParameters",
  configParameterSchema: "config",
  streamParameterSchema: "stream"
} as const

/**
 * @category models
 * @since 0.1.0
 */
export type ParameterSchemaKey = keyof typeof parameterSchemas

const schemaKeys: ReadonlyArray<ParameterSchemaKey> = [
  "staticParameterSchema",
  "configParameterSchema",
  "streamParameterSchema"
]

const inYamlData = (violations: ReadonlyArray<Violation.Violation>): ReadonlyArray<Violation.Violation> =>
  violations.map((violation) => ({
    ...violation,
    path: violation.path === "" ? "yamlData" : `yamlData, ${violation.path}`
  }))

const propertiesOf = (schema: Fields.JsonObject | undefined): Readonly<Record<string, unknown>> => {
  const properties = schema?.["properties"]
  return isRecord(properties) ? properties : {}
}

/** Something that may stand in the place of a parameter, where nothing is known but its schema. */
const example = (schema: unknown): unknown => {
  if (!isRecord(schema)) return "x"
  const { enum: choices, examples, minimum, type } = schema
  for (const some of [schema["default"], schema["const"], ...[examples, choices].flatMap((given) => given ?? [])]) {
    if (typeof some === "string" || typeof some === "number" || typeof some === "boolean") return some
  }
  if (type === "integer" || type === "number") return minimum ?? 1
  return type === "boolean" ? true : "x"
}

/**
 * What is wrong with a class beyond its fields.
 *
 * **Details**
 *
 * The three schemas are JSON Schema draft-07 of objects. The template has no places but for parameters that
 * `staticParameterSchema` knows; with examples in them it is the resources that `Kubernetes.check` wants. Lines are those
 * of `yamlData`.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (connectorClass: ConnectorClass): ReadonlyArray<Violation.Violation> => {
  const { staticParameterSchema, yamlData } = connectorClass
  const properties = propertiesOf(staticParameterSchema)
  // without a schema an instance may have any
  const template = staticParameterSchema === undefined
    ? Template.parse(yamlData).violations
    : Template.check(yamlData, Object.keys(properties))
  return [
    ...schemaKeys.flatMap((key) => Parameters.checkSchema(connectorClass[key], key)),
    ...inYamlData(
      template.length > 0
        ? template
        : Kubernetes.check(fill(yamlData, (name) => String(example(properties[name]))))
    )
  ]
}

/** A template that is right with a text in each place. */
const fill = (template: string, textOf: (name: string) => string): string =>
  Template.parse(template).parts.map((part) => part._tag === "Text" ? part.text : textOf(part.name)).join("")

/**
 * What an instance of a class is deployed as.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rendered {
  /** The class's `yamlData` with the values in their places. */
  readonly yaml: string
  readonly resources: ReadonlyArray<Kubernetes.Resource>
}

/**
 * Puts the static parameters of an instance into the template of its class.
 *
 * **Details**
 *
 * Fails with values that do not fit `staticParameterSchema`, and with values that change the resources beyond the place
 * they are put in: a value cannot add a key, end a quoted text or begin a comment. The defaults of the schema stand in for
 * parameters that are not given.
 *
 * @category rendering
 * @since 0.1.0
 */
export const render = Effect.fnUntraced(function*(
  connectorClass: ConnectorClass,
  staticParameters: Readonly<Record<string, unknown>>
): Effect.fn.Return<Rendered, InvalidResource.InvalidResource> {
  const { staticParameterSchema, yamlData } = connectorClass
  const about = subject("connector class", connectorClass)
  yield* InvalidResource.unless(about, Parameters.check(staticParameterSchema, staticParameters, "staticParameters"))
  const defaults = Object.entries(propertiesOf(staticParameterSchema)).flatMap(([key, property]) =>
    isRecord(property) && property["default"] !== undefined ? [[key, property["default"]] as const] : []
  )
  const values = { ...Object.fromEntries(defaults), ...staticParameters }
  const yaml = yield* Template.render(yamlData, values).pipe(
    Effect.mapError(({ violations }) =>
      new InvalidResource.InvalidResource({ subject: about, violations: inYamlData(violations) })
    )
  )
  // a word for each place, to be found again
  const word = (name: string) => `kps0${name}0kps`
  const becomes = (text: string) => text.replaceAll(/kps0(\w+?)0kps/g, (_, name: string) => String(values[name]))
  const strayed = Kubernetes.differences(fill(yamlData, word), yaml, becomes)
  yield* InvalidResource.unless(about, inYamlData(strayed.length > 0 ? strayed : Kubernetes.check(yaml)))
  return { yaml, resources: yield* Kubernetes.decode(yaml) }
})

/**
 * The class of a connector, made from its definition.
 *
 * **Details**
 *
 * Name, version, description and direction are the definition's, the three schemas are made from its Effect Schemas,
 * `template` is the Kubernetes resources. Fails with everything that is wrong: properties without a description, secrets
 * without their mark, and what `check` finds. `minSvcDomainVersion` is "2.3.0" by default, the first that runs connectors.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromDefinition = Effect.fnUntraced(function*(
  { definition, name }: Pick<Connector.Any, "name" | "definition">,
  options: { readonly template: string; readonly minSvcDomainVersion?: string }
): Effect.fn.Return<ConnectorClass, InvalidResource.InvalidResource> {
  const schemaOf = (key: ParameterSchemaKey) => ParameterSchema.make(definition[parameterSchemas[key]])
  const made = {
    name,
    description: definition.description,
    connectorVersion: definition.version,
    minSvcDomainVersion: options.minSvcDomainVersion ?? "2.3.0",
    type: definition.direction,
    staticParameterSchema: schemaOf("staticParameterSchema"),
    configParameterSchema: schemaOf("configParameterSchema"),
    streamParameterSchema: schemaOf("streamParameterSchema"),
    yamlData: options.template
  }
  const connectorClass = yield* decode(made)
  yield* InvalidResource.unless(subject("connector class", made), [
    ...schemaKeys.flatMap((key) => ParameterSchema.undescribed(made[key], key)),
    ...schemaKeys.flatMap((key) => ParameterSchema.unmarkedSecrets(definition[parameterSchemas[key]], key)),
    ...check(connectorClass)
  ])
  return connectorClass
})

/**
 * A class as the text of a file.
 *
 * @category encoding
 * @since 0.1.0
 */
export const format = (connectorClass: ConnectorClass): Effect.Effect<string, InvalidResource.InvalidResource> =>
  Effect.map(encode(connectorClass), (document) => `${JSON.stringify(document, null, 2)}\n`)

/**
 * Where a class document is not what the code makes: one violation for each place, `expected` what the code has. Fields
 * that a store adds, and any that the code does not make, are left out of it.
 *
 * @category checking
 * @since 0.1.0
 */
export const drift = (document: ConnectorClass, code: ConnectorClass): ReadonlyArray<Violation.Violation> =>
  Object.entries(code).flatMap(([key, value]) =>
    differ(value, Object.entries(document).find(([k]) => k === key)?.[1], [key])
  )

const differ = (code: unknown, document: unknown, keys: Violation.Keys): ReadonlyArray<Violation.Violation> => {
  if (isRecord(code) && isRecord(document)) {
    return [...new Set([...Object.keys(code), ...Object.keys(document)])]
      .flatMap((key) => differ(code[key], document[key], [...keys, key]))
  }
  if (Array.isArray(code) && Array.isArray(document) && code.length === document.length) {
    return code.flatMap((item, n) => differ(item, document[n], [...keys, n]))
  }
  if (JSON.stringify(code) === JSON.stringify(document)) return []
  if (typeof code === "string" && typeof document === "string" && code.includes("\n")) {
    return [differInLine(code, document, Violation.path("", keys))]
  }
  return [{
    path: Violation.path("", keys),
    message: `expected ${shown(code)}, as in the code, got ${shown(document)}`
  }]
}

const shown = (value: unknown): string => value === undefined ? "none" : cut(JSON.stringify(value) ?? describe(value))

/** The first line in which two texts differ. */
const differInLine = (code: string, document: string, path: string): Violation.Violation => {
  const [want, got] = [code.split("\n"), document.split("\n")]
  const index = want.findIndex((line, n) => line !== got[n])
  const at = index === -1 ? want.length : index
  return { path, line: at + 1, message: `expected ${shown(want[at])}, as in the template, got ${shown(got[at])}` }
}
