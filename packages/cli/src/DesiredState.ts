/**
 * The document that `kps set -f` reads: what a connector should run.
 *
 * @since 0.1.0
 */
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf"
import { type PayloadSchema, StreamDirection } from "@kps/idl"
import { Channel } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { parseDocument } from "yaml"

const Metadata = Schema.Record(Schema.String, Schema.MutableJson)

const DesiredStream = Schema.Struct({
  id: Schema.NonEmptyString,
  direction: Schema.Literals(["INGRESS", "EGRESS"]),
  channel: Channel.ChannelName,
  metadata: Metadata.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed({})))
})

/**
 * Schema of the document. Both keys are optional: what is absent is left alone, and `streams: []` alone stops every
 * stream.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DesiredState = Schema.Struct({
  streams: Schema.optionalKey(
    Schema.Array(DesiredStream).check(
      Schema.makeFilter((streams) => {
        const twice = streams.map(({ id }) => id).find((id, n, ids) => ids.indexOf(id) !== n)
        return twice === undefined ? undefined : `want one stream of each id, got ${JSON.stringify(twice)} twice`
      })
    )
  ),
  config: Schema.optionalKey(Metadata)
})

/**
 * @category models
 * @since 0.1.0
 */
export type DesiredState = typeof DesiredState.Type

/**
 * A document that cannot be sent, with everything that is wrong with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidDocument extends Schema.TaggedError<InvalidDocument>("@kps/cli/DesiredState/InvalidDocument")(
  "InvalidDocument",
  { file: Schema.String, problems: Schema.Array(Schema.String) }
) {
  override get message(): string {
    return `${this.file} is no desired state:\n${this.problems.map((problem) => `  ${problem}`).join("\n")}`
  }
}

const decode = Schema.decodeUnknownEffect(DesiredState, { errors: "all", onExcessProperty: "error" })
const format = SchemaIssue.makeFormatterStandardSchemaV1()

const pathText = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined) =>
  (path ?? []).map((step) => typeof step === "object" ? step.key : step)
    .map((key, n) => typeof key === "number" ? `[${key}]` : `${n === 0 ? "" : "."}${String(key)}`)
    .join("")

/**
 * Reads a document in YAML or JSON.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = Effect.fnUntraced(function*(file: string, text: string) {
  const document = parseDocument(text)
  if (document.errors.length > 0) {
    return yield* new InvalidDocument({ file, problems: document.errors.map(({ message }) => message.trimEnd()) })
  }
  return yield* decode(document.toJS()).pipe(
    Effect.mapError(({ issue }) =>
      new InvalidDocument({
        file,
        problems: format(issue).issues.map(({ message, path }) =>
          `${path === undefined || path.length === 0 ? "document" : pathText(path)}: ${message}`
        )
      })
    )
  )
})

/**
 * The payloads that ask for it: config first, then every stream.
 *
 * @category encoding
 * @since 0.1.0
 */
export const payloads = (state: DesiredState): ReadonlyArray<MessageInitShape<typeof PayloadSchema>> => [
  ...(state.config === undefined
    ? []
    : [{ object: { case: "config", value: { metadata: state.config satisfies JsonObject } } } as const]),
  ...(state.streams ?? []).map(({ channel, direction, id, metadata }) => ({
    object: {
      case: "stream",
      value: { id, direction: StreamDirection[direction], transportChannel: channel, metadata }
    }
  } as const))
]
