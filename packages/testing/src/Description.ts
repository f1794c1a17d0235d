/**
 * What the suite has to know of a connector, as a file: so that one in any language is judged without code.
 *
 * @since 0.1.0
 */
import { ResponseCodes } from "@kps/idl"
import { Channel } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Template from "./Template.ts"

/**
 * Schema of an object whose texts may have placeholders: see `Template`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Metadata = Schema.Record(Schema.String, Schema.MutableJson).check(
  Schema.makeFilter((metadata) => Template.problemOf(metadata))
)

/**
 * @category models
 * @since 0.1.0
 */
export type Metadata = typeof Metadata.Type

/**
 * Schema of values that the connector has to refuse.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Invalid = Schema.Struct({
  metadata: Metadata,
  /** Where it is wrong, each place: `subject`, `addresses[1].name`. All of them have to be named at once. */
  paths: Schema.NonEmptyArray(Schema.NonEmptyString)
})

/**
 * Schema of the streams of one direction.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Streams = Schema.Struct({
  /** A stream that runs. With `{stream}` in it, every stream of the suite is one of its own. */
  working: Metadata,
  /** Another that runs, for the case that changes a stream. Default: `working` with another `{stream}`. */
  changed: Schema.optionalKey(Metadata),
  /** A stream whose outside cannot be reached. With `{unreachable}` in it the tries are counted. */
  unreachable: Schema.optionalKey(Metadata),
  /** Streams that do not fit the schema of the connector. */
  invalid: Schema.optionalKey(Schema.Array(Invalid)),
  /** Streams that fail with a known code. */
  failing: Schema.optionalKey(Schema.Array(Schema.Struct({
    metadata: Metadata,
    code: Schema.Literals(ResponseCodes.names.filter((name) => name !== "OK"))
  }))),
  /** Streams with a hook that never ends: while it opens, while it runs, while it stops. */
  hanging: Schema.optionalKey(Schema.Struct({
    open: Schema.optionalKey(Metadata),
    run: Schema.optionalKey(Metadata),
    stop: Schema.optionalKey(Metadata)
  })),
  /** Egress: a stream whose outside never takes this payload, however often it is tried, and takes all others. */
  refusing: Schema.optionalKey(Schema.Struct({ metadata: Metadata, payload: Schema.NonEmptyString })),
  /** A stream whose code throws on every payload. */
  throwing: Schema.optionalKey(Metadata),
  /** A stream that runs and has `{secret}` where a secret goes. */
  secret: Schema.optionalKey(Metadata)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Streams = typeof Streams.Type

/**
 * Schema of ingress streams: also those that lose nothing when the connector is killed, because of their outside.
 *
 * @category schemas
 * @since 0.1.0
 */
export const IngressStreams = Schema.Struct({
  ...Streams.fields,
  /** A stream whose outside forgets what was acknowledged to it, and gives everything else again. */
  acknowledged: Schema.optionalKey(Metadata),
  /** A stream whose outside keeps its data, and which is read from a position on. */
  resumable: Schema.optionalKey(Metadata)
})

/**
 * @category models
 * @since 0.1.0
 */
export type IngressStreams = typeof IngressStreams.Type

const NatsOutside = Schema.Struct({
  /**
   * Address of the broker, as the suite reaches it; `{outside}` is a proxy before it. Default: the platform's broker,
   * which then is the outside too.
   */
  url: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^nats:\/\/[^\s/]+$/u, { expected: "an address such as \"nats://127.0.0.1:4222\"" })
    )
  ),
  /** The subject that an ingress stream reads. Default: no data is given to ingress streams. */
  ingress: Schema.optionalKey(Template.Text),
  /** The subject that an egress stream writes. Default: the data of egress streams is not seen. */
  egress: Schema.optionalKey(Template.Text),
  /**
   * The subject that an acknowledged or resumable ingress stream reads: for each of them the suite makes a stream of
   * JetStream that stores it, and takes it away. Default: they are fed as the others are.
   */
  jetstream: Schema.optionalKey(Template.Text)
})

/**
 * Schema of the commands of an acknowledged or resumable stream. Each is run with its `{stream}` in `$KPS_STREAM`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const SourceCommands = Schema.Struct({
  /** Makes what the stream reads, before it is started, and exits 0. Default: nothing. */
  prepare: Schema.optionalKey(Schema.NonEmptyString),
  /** Gives lines of its standard input to the stream, in order, and exits 0. */
  feed: Schema.NonEmptyString,
  /** Undoes `prepare` when the stream is gone. Default: nothing. */
  clear: Schema.optionalKey(Schema.NonEmptyString)
})

/**
 * Schema of the outside: how data flows through the streams that work, and how it is broken and mended.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Outside = Schema.Struct({
  /** A NATS broker: nothing else has to be said. Default: none. */
  nats: Schema.optionalKey(NatsOutside),
  /** Gives lines of its standard input to the stream `$KPS_STREAM` reads, in order, and exits 0. */
  feed: Schema.optionalKey(Schema.NonEmptyString),
  /** How `streams.ingress.acknowledged` is fed. Default: as working streams are. */
  acknowledged: Schema.optionalKey(SourceCommands),
  /** How `streams.ingress.resumable` is fed. Default: as working streams are. */
  resumable: Schema.optionalKey(SourceCommands),
  /** Prints `ready`, then each payload that the stream `$KPS_STREAM` wrote, a line each, until it is killed. */
  observe: Schema.optionalKey(Schema.NonEmptyString),
  /** Makes the outside unreachable for streams that run, and exits 0. */
  break: Schema.optionalKey(Schema.NonEmptyString),
  /** Undoes `break`, and exits 0. */
  mend: Schema.optionalKey(Schema.NonEmptyString)
}).check(
  Schema.makeFilter(({ break: breaks, feed, mend, nats, observe }) => {
    if ((breaks === undefined) !== (mend === undefined)) return "want break and mend together, got one of them"
    if (nats?.ingress !== undefined && feed !== undefined) return "want one way to feed, got nats.ingress and feed"
    if (nats?.egress !== undefined && observe !== undefined) {
      return "want one way to observe, got nats.egress and observe"
    }
    return undefined
  })
)

const Variable = Schema.String.check(
  Schema.isPattern(/^[A-Za-z_]\w*$/u, { expected: "the name of an environment variable" })
)

const ConfigSamples = Schema.Struct({
  /** What is in force before any was set, in full. */
  default: Schema.optionalKey(Metadata),
  /** Configs to set; each differs from the default and is in force as it is given. */
  valid: Schema.optionalKey(Schema.NonEmptyArray(Metadata)),
  /** Configs that do not fit the schema of the connector. */
  invalid: Schema.optionalKey(Schema.Array(Invalid)),
  /** A config with which discovering never ends. */
  hangsDiscovery: Schema.optionalKey(Metadata),
  /** A config that has `{secret}` where a secret goes. */
  secret: Schema.optionalKey(Metadata)
})

/**
 * Schema of the file.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Description = Schema.Struct({
  /** Id of the connector instance: every call names it. */
  id: Schema.NonEmptyString,
  /** What the channels of the suite begin with. Default: "kps.conform". */
  channelPrefix: Channel.ChannelName.check(Schema.isMaxLength(200)).pipe(
    Schema.withDecodingDefaultTypeKey(Effect.succeed(Channel.ChannelName.make("kps.conform")))
  ),
  streams: Schema.Struct({
    ingress: Schema.optionalKey(IngressStreams),
    egress: Schema.optionalKey(Streams)
  }).check(
    Schema.makeFilter(({ egress, ingress }) =>
      ingress === undefined && egress === undefined ? "want ingress, egress or both, got neither" : undefined
    )
  ),
  config: ConfigSamples.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed({}))),
  /** Whether the connector offers streams that nobody asked for. Default: what it shows. */
  discovers: Schema.optionalKey(Schema.Boolean),
  /** Whether it serves gRPC reflection, which may be switched off. Default: true. */
  reflection: Schema.Boolean.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(true))),
  /**
   * Variables in which the connector is given the paths of its certificate, of the key, and of the authorities of its
   * clients, for TLS. Default: TLS is not looked at.
   */
  tls: Schema.optionalKey(Schema.Struct({ cert: Variable, key: Variable, clientCa: Variable })),
  /** Default: nothing flows, and what would need data is not looked at. */
  outside: Schema.optionalKey(Outside)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Description = typeof Description.Type

/**
 * The file is none, with everything that is wrong with it.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidDescription extends Schema.TaggedError<InvalidDescription>(
  "@kps/testing/Description/InvalidDescription"
)("InvalidDescription", { file: Schema.String, problems: Schema.Array(Schema.String) }) {
  override get message(): string {
    return `${this.file} describes no connector:\n${this.problems.map((problem) => `  ${problem}`).join("\n")}`
  }
}

const decodeUnknown = Schema.decodeUnknownEffect(Description, { errors: "all", onExcessProperty: "error" })
const format = SchemaIssue.makeFormatterStandardSchemaV1()

const pathText = (path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined) =>
  (path ?? []).map((step) => typeof step === "object" ? step.key : step)
    .map((key, n) => typeof key === "number" ? `[${key}]` : `${n === 0 ? "" : "."}${String(key)}`)
    .join("")

/**
 * Checks what was read from a file.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = Effect.fnUntraced(
  function*(file: string, input: unknown): Effect.fn.Return<Description, InvalidDescription> {
    return yield* decodeUnknown(input).pipe(
      Effect.mapError(({ issue }) =>
        new InvalidDescription({
          file,
          problems: format(issue).issues.map(({ message, path }) =>
            `${path === undefined || path.length === 0 ? "document" : pathText(path)}: ${message}`
          )
        })
      )
    )
  }
)
