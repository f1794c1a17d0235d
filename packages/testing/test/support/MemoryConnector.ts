import { Connector, Delivery, Failure } from "@kps/connector"
import { Effect, type Layer, Option, Schema, type Scope, Stream } from "effect"
import { Away, type World } from "./World.ts"

export const codes = [
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "PERMISSION_DENIED",
  "UNAUTHENTICATED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "DATA_LOSS",
  "INTERNAL"
] as const

/** An error whose tag is the code that the failures table gives it. */
class Fails {
  readonly _tag: typeof codes[number]
  readonly message: string
  constructor(code: typeof codes[number]) {
    this._tag = code
    this.message = `fails with ${code}`
  }
}

/** The world is there, and does not take a payload. */
class Refused {
  readonly _tag = "Refused"
  readonly message = "the world refuses it"
}

/** The world has not got to this position. */
class Ahead {
  readonly _tag = "Ahead"
  readonly message: string
  constructor(next: number, end: number) {
    this.message = `position ${next} is ahead of the ${end} payloads that there are`
  }
}

const [whenSet] = ["on"] as const

/** A connector whose outside is a `World`. */
export const MemoryConnector = Connector.make("memory")({
  version: "1.0",
  description: "Moves payloads between the subjects of a world in memory and channels.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({
    subject: Schema.String.annotate({ description: "Subject of the world that is read or written." }).check(
      Schema.isPattern(/^\S+$/u, { expected: "a subject without white space" })
    ),
    limit: Schema.optionalKey(
      Schema.Int.annotate({ description: "How many payloads." }).check(Schema.isGreaterThan(0))
    ),
    token: Schema.optionalKey(
      Schema.RedactedFromValue(Schema.String.annotate({ description: "What the world is shown.", writeOnly: true }))
    ),
    lost: Schema.optionalKey(Schema.Boolean.annotate({ description: "Whether the subject cannot be reached." })),
    fails: Schema.optionalKey(Schema.Literals(codes).annotate({ description: "The code that opening fails with." })),
    hangs: Schema.optionalKey(
      Schema.Literals(["open", "run", "stop"]).annotate({ description: "What never ends." })
    ),
    refuses: Schema.optionalKey(Schema.String.annotate({ description: "A payload that the world never takes." })),
    resumes: Schema.optionalKey(
      Schema.Boolean.annotate({ description: "Whether it goes on from its position in what the subject was given." })
    ),
    throws: Schema.optionalKey(Schema.Boolean.annotate({ description: "Whether the code of the sink has a bug." }))
  }),
  config: Schema.Struct({
    level: Schema.Literals(["INFO", "DEBUG"]).annotate({ description: "Log level.", default: "INFO" })
      .pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed("INFO" as const))),
    discovery: Schema.Literals([whenSet, "hangs"]).annotate({ description: "What discovery does.", default: whenSet })
      .pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(whenSet))),
    size: Schema.Int.annotate({ description: "A number.", default: 1 })
      .pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(1))),
    password: Schema.optionalKey(
      Schema.RedactedFromValue(Schema.String.annotate({ description: "Another secret.", writeOnly: true }))
    )
  }),
  failures: {
    Away: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL", backoff: { cap: "1 second" } }),
    Refused: Failure.retry({ code: "FAILED_PRECONDITION", severity: "WARNING", backoff: { base: "20 millis" } }),
    Ahead: Failure.halt({ code: "FAILED_PRECONDITION", severity: "CRITICAL" }),
    INVALID_ARGUMENT: Failure.halt({ code: "INVALID_ARGUMENT", severity: "CRITICAL" }),
    NOT_FOUND: Failure.halt({ code: "NOT_FOUND", severity: "CRITICAL" }),
    PERMISSION_DENIED: Failure.halt({ code: "PERMISSION_DENIED", severity: "CRITICAL" }),
    UNAUTHENTICATED: Failure.halt({ code: "UNAUTHENTICATED", severity: "CRITICAL" }),
    RESOURCE_EXHAUSTED: Failure.halt({ code: "RESOURCE_EXHAUSTED", severity: "CRITICAL" }),
    FAILED_PRECONDITION: Failure.halt({ code: "FAILED_PRECONDITION", severity: "CRITICAL" }),
    UNAVAILABLE: Failure.halt({ code: "UNAVAILABLE", severity: "CRITICAL" }),
    DEADLINE_EXCEEDED: Failure.halt({ code: "DEADLINE_EXCEEDED", severity: "CRITICAL" }),
    DATA_LOSS: Failure.halt({ code: "DATA_LOSS", severity: "CRITICAL" }),
    INTERNAL: Failure.halt({ code: "INTERNAL", severity: "CRITICAL" })
  }
})

type Opened = Connector.StreamOf<
  typeof MemoryConnector.definition.stream.Type,
  typeof MemoryConnector.definition.config.Type
>

type Broken = Ahead | Away | Fails | Refused

export interface Hooks {
  readonly ingress: (stream: Opened) => Effect.Effect<Delivery.Source<Broken>, Away | Fails, Scope.Scope>
  readonly egress: (stream: Opened) => Effect.Effect<Delivery.Sink<Broken>, Away | Fails, Scope.Scope>
}

const bytes = (text: string) => new TextEncoder().encode(text)
const text = (payload: Uint8Array) => new TextDecoder().decode(payload)

const enter = Effect.fnUntraced(function*(world: World, { parameters }: Opened) {
  const { fails, hangs, lost = false, subject } = parameters
  if (fails !== undefined) return yield* Effect.fail(new Fails(fails))
  if (hangs === "open") return yield* Effect.never
  yield* world.enter(subject, lost)
  if (hangs === "stop") yield* Effect.addFinalizer(() => Effect.never)
})

export const Position = Schema.Struct({ next: Schema.Int })

/** The log of a subject from a number on, each payload with the position behind it. */
export const log = (world: World, subject: string, from: number) =>
  Stream.map(Stream.zipWithIndex(world.from(subject, from)), ([payload, n]) => ({
    payloads: [bytes(payload)] as const,
    position: { next: from + n + 1 }
  }))

/** What the connector does, for a test to change some of it. */
export const hooks = (world: World): Hooks => ({
  ingress: Effect.fnUntraced(function*(stream) {
    const { parameters: { hangs, resumes = false, subject } } = stream
    yield* enter(world, stream)
    if (resumes) {
      return Delivery.resumable<typeof Position.Type, typeof Position.Encoded, Ahead | Away, never>({
        position: Position,
        from: (at) => {
          const next = Option.match(at, { onNone: () => 0, onSome: (position) => position.next })
          const end = world.at(subject).log.length
          return next > end ? Stream.fail(new Ahead(next, end)) : log(world, subject, next)
        }
      })
    }
    const take = yield* world.reader(subject)
    return Delivery.acknowledged(
      Stream.fromEffectRepeat(hangs === "run" ? Effect.never : take).pipe(
        Stream.map((payloads) => ({
          payloads: [bytes(payloads[0] ?? ""), ...payloads.slice(1).map(bytes)] as const,
          ack: Effect.sync(() => world.acknowledge(subject, payloads.length))
        })),
        Stream.rechunk(1)
      )
    )
  }),
  egress: Effect.fnUntraced(function*(stream) {
    const { parameters: { hangs, refuses, subject, throws = false } } = stream
    yield* enter(world, stream)
    return Delivery.sink<Broken, never>({
      idempotent: false,
      deliver: (batch) => {
        if (throws) throw new Error("the code of the sink has a bug")
        if (hangs === "run") return Effect.never
        const texts = batch.map(({ payload }) => text(payload))
        return refuses !== undefined && texts.includes(refuses)
          ? Effect.fail(new Refused())
          : world.write(subject, texts)
      },
      check: world.check(subject)
    })
  })
})

export const layer = (
  world: World,
  { egress, ingress }: Hooks
): Layer.Layer<Connector.Implemented<"memory">> =>
  MemoryConnector.toLayer(Effect.gen(function*() {
    const config = yield* MemoryConnector.Config
    return {
      ingress,
      egress,
      discover: Effect.flatMap(
        config.get,
        ({ discovery }) =>
          discovery === "hangs"
            ? Effect.never
            : Effect.succeed([{ id: "offered", direction: "INGRESS" as const, parameters: { subject: "offered" } }])
      )
    }
  }))
