import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf"
import { Connector, Delivery, Failure } from "@kps/connector"
import { type Payload, PayloadSchema, StreamDirection, type StreamSchema } from "@kps/idl"
import { Effect, type Layer, Schema, Stream } from "effect"

export class Refused extends Schema.TaggedError<Refused>()("Refused", { reason: Schema.String }) {
  override get message() {
    return this.reason
  }
}

export const codes = [
  "INTERNAL",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "INVALID_ARGUMENT",
  "FAILED_PRECONDITION",
  "RESOURCE_EXHAUSTED",
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "DATA_LOSS"
] as const
export type Code = typeof codes[number]

/** An error of the sample's implementation whose tag is the code that its failures table gives it. */
export class Fails {
  readonly _tag: Code
  readonly message: string
  constructor(code: Code) {
    this._tag = code
    this.message = `fails with ${code}`
  }
}

const level = Schema.Literals(["INFO", "DEBUG"]).pipe(
  Schema.withDecodingDefaultTypeKey(Effect.succeed("INFO" as const))
)

/** A connector whose streams do what their parameters say. */
export const Sample = Connector.make("sample")({
  version: "1.0",
  description: "A connector for tests.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({
    subject: Schema.String.check(Schema.isPattern(/^\S+$/u, { expected: "a subject" })),
    queue: Schema.String.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed("none"))),
    password: Schema.optionalKey(Schema.RedactedFromValue(Schema.String)),
    /** Opening fails with this code. */
    fails: Schema.optionalKey(Schema.Literals(codes)),
    /** Opening never ends. */
    hangs: Schema.optionalKey(Schema.Boolean)
  }),
  config: Schema.Struct({ level, password: Schema.optionalKey(Schema.RedactedFromValue(Schema.String)) }),
  failures: {
    INTERNAL: Failure.halt({ code: "INTERNAL", severity: "CRITICAL" }),
    PERMISSION_DENIED: Failure.halt({ code: "PERMISSION_DENIED", severity: "CRITICAL" }),
    UNAUTHENTICATED: Failure.halt({ code: "UNAUTHENTICATED", severity: "CRITICAL" }),
    INVALID_ARGUMENT: Failure.halt({ code: "INVALID_ARGUMENT", severity: "CRITICAL" }),
    FAILED_PRECONDITION: Failure.halt({ code: "FAILED_PRECONDITION", severity: "CRITICAL" }),
    RESOURCE_EXHAUSTED: Failure.retry({ code: "RESOURCE_EXHAUSTED", severity: "WARNING" }),
    UNAVAILABLE: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL" }),
    DEADLINE_EXCEEDED: Failure.retry({ code: "DEADLINE_EXCEEDED", severity: "WARNING" }),
    NOT_FOUND: Failure.halt({ code: "NOT_FOUND", severity: "CRITICAL" }),
    DATA_LOSS: Failure.halt({ code: "DATA_LOSS", severity: "CRITICAL" })
  },
  restartOn: (before, after) => before.level !== after.level
})

export type Parameters = typeof Sample.definition.stream.Type

const open = <A>(parameters: Parameters, opened: A): Effect.Effect<A, Fails> => {
  if (parameters.fails !== undefined) return Effect.fail(new Fails(parameters.fails))
  return parameters.hangs === true ? Effect.never : Effect.succeed(opened)
}

type SampleImplementation = Connector.Implementation<
  "BIDIRECTIONAL",
  Parameters,
  typeof Sample.definition.config.Type,
  Fails,
  never
>

/** The sample's implementation; `discover` finds nothing unless it is given. */
export const sampleLayer = (
  discover: Effect.Effect<ReadonlyArray<Connector.Discovered<Parameters>>, Fails> = Effect.succeed([])
): Layer.Layer<Connector.Implemented<"sample">> =>
  Sample.toLayer(Effect.succeed<SampleImplementation>({
    ingress: ({ parameters }) => open(parameters, Delivery.lossy<Fails, never>(Stream.never)),
    egress: ({ parameters }) =>
      open(
        parameters,
        Delivery.sink<Fails, never>({ idempotent: true, deliver: () => Effect.void })
      ),
    discover
  }))

/** The payload of a stream that is right, but for what is given. */
export const stream = (value: Partial<MessageInitShape<typeof StreamSchema>> = {}): Payload =>
  create(PayloadSchema, {
    object: {
      case: "stream",
      value: {
        id: value.id ?? "s",
        direction: value.direction ?? StreamDirection.INGRESS,
        transportChannel: value.transportChannel ?? "c",
        metadata: value.metadata ?? { subject: "a" }
      }
    }
  })

export const config = (metadata: JsonObject): Payload =>
  create(PayloadSchema, { object: { case: "config", value: { metadata } } })
