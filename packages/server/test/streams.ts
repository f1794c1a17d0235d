/** A connector whose hooks a test gives, supervised over the memory transport. */
import { Connector, Delivery, Failure } from "@kps/connector"
import { Events } from "@kps/events"
import type { EventPayload } from "@kps/idl"
import { Channel, type JetStream, Transport, TransportError } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Data, Effect, Layer, Schema, type Scope, Stream } from "effect"
import * as DeadLetters from "../src/DeadLetters.ts"
import * as RunningStreams from "../src/RunningStreams.ts"
import type { StreamOutcome, StreamSpec } from "../src/StreamSpec.ts"

export class Lost extends Data.TaggedError("Lost")<{ readonly message: string }> {}
export class Denied extends Data.TaggedError("Denied")<{ readonly message: string }> {}
export class Poison extends Data.TaggedError("Poison")<{ readonly message: string }> {}
export class Brief extends Data.TaggedError("Brief")<{ readonly message: string }> {}
export class Stale extends Data.TaggedError("Stale")<{ readonly message: string }> {}
export class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}
export type Fault = Lost | Denied | Poison | Brief | Stale | Refused

export const Fake = Connector.make("fake")({
  version: "1.0",
  description: "Does what a test says.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({ name: Schema.String, tags: Schema.Array(Schema.String) }),
  config: Schema.Struct({}),
  failures: {
    Lost: Failure.retry({ code: "UNAVAILABLE", severity: "WARNING" }),
    Denied: Failure.halt({ code: "PERMISSION_DENIED", severity: "CRITICAL" }),
    Poison: Failure.deadLetter({ code: "INVALID_ARGUMENT", severity: "WARNING" }),
    Stale: Failure.drop({ code: "INVALID_ARGUMENT", severity: "WARNING" }),
    Refused: Failure.retry({ code: "FAILED_PRECONDITION", severity: "WARNING" }),
    Brief: Failure.retry({
      code: "RESOURCE_EXHAUSTED",
      severity: "INFO",
      backoff: { base: "1 second", cap: "2 seconds", maxElapsed: "10 seconds" }
    })
  }
})

export type Asked = Connector.StreamOf<{ readonly name: string; readonly tags: ReadonlyArray<string> }, {}>

export interface Hooks {
  readonly ingress?: (stream: Asked) => Effect.Effect<Delivery.Source<Fault, Scope.Scope>, Fault, Scope.Scope>
  readonly egress?: (stream: Asked) => Effect.Effect<Delivery.Sink<Fault, Scope.Scope>, Fault, Scope.Scope>
}

/** Nothing ever comes of it. */
export const idle: Delivery.Source<never> = Delivery.lossy(Stream.never)

export const implementation = (hooks: Hooks) =>
  Fake.toLayer(Effect.succeed({
    ingress: hooks.ingress ?? (() => Effect.succeed(idle)),
    egress: hooks.egress ?? (() => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => Effect.void })))
  }))

type Service = Transport.Transport["Service"]

/** `over` replaces parts of the streams' transport; the test itself has the memory transport as it is. */
export const layer = (
  hooks: Hooks,
  options: RunningStreams.Options & {
    readonly over?: (transport: Service) => Partial<Service>
    /** Default: one of its own, that nobody sees. */
    readonly deadLetters?: DeadLetters.DeadLetters["Service"]
    /** What channels are kept in. Default: nothing. */
    readonly stored?: Layer.Layer<JetStream.JetStream, never, Transport.Transport> | undefined
  } = {}
) => {
  const { over = () => ({}), stored = Layer.empty } = options
  const changed = Layer.effect(
    Transport.Transport,
    Effect.map(Transport.Transport, (transport) => {
      const replaced: Partial<Service> = over(transport)
      const { publishAll } = replaced
      // Of what is published now and then a confirmation is asked for: the same replaces that.
      return Transport.Transport.of({
        ...transport,
        ...(publishAll === undefined ? {} : { publishConfirmed: publishAll }),
        ...replaced
      })
    })
  )
  return RunningStreams.layer(Fake, options).pipe(
    Layer.provide(Layer.provideMerge(stored, changed)),
    Layer.provide(implementation(hooks)),
    Layer.provide(
      options.deadLetters === undefined ? Layer.empty : Layer.succeed(DeadLetters.DeadLetters, options.deadLetters)
    ),
    Layer.provideMerge([TransportTest.layer, Events.layer])
  )
}

export const notConnected = (handedOver: number) =>
  new TransportError.TransportError({
    reason: new TransportError.NotConnected({ servers: ["memory"], handedOver, cause: new Error("broke") })
  })

export const spec = (
  id: string,
  options: { readonly direction?: Connector.StreamDirection; readonly channel?: string; readonly name?: string } = {}
): StreamSpec => ({
  id,
  direction: options.direction ?? "INGRESS",
  channel: channel(options.channel ?? `ch.${id}`),
  parameters: { name: options.name ?? "a", tags: ["x"] },
  metadata: {}
})

export const egress = (id: string, options: { readonly name?: string } = {}) =>
  spec(id, { ...options, direction: "EGRESS" })

export const channel = (name: string) => Channel.ChannelName.make(name)

export const bytes = (text: string) => new TextEncoder().encode(text)
export const text = (payload: Uint8Array) => new TextDecoder().decode(payload)

/** A macrotask: everything that can go on without time passing does. */
export const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** Waits without time passing. Bounded, so that what never comes fails here and not by a time-out. */
export const until = (what: string, condition: () => boolean) =>
  Effect.gen(function*() {
    for (let i = 0; i < 2_000; i++) {
      if (condition()) return
      yield* turn
    }
    return yield* Effect.die(new Error(`never came: ${what}`))
  })

/** Lets everything go on that can, for what must not come. */
export const settle = Effect.repeat(turn, { times: 20 })

export const apply = (specs: ReadonlyArray<StreamSpec>, timeout: number | string = "1 hour") =>
  RunningStreams.RunningStreams.use((streams) => streams.apply(specs, { timeout: timeout as "1 hour" }))

export const list = RunningStreams.RunningStreams.use((streams) => streams.list)

export const stateOf = (id: string) => Effect.map(list, (all) => all.find(({ spec }) => spec.id === id)?.state._tag)

export const statsOf = (id: string) =>
  Effect.map(list, (all) => {
    const found = all.find(({ spec }) => spec.id === id)
    if (found === undefined) throw new Error(`no stream ${id}`)
    return found.stats
  })

/** `a running`, `b DEADLINE_EXCEEDED StartTimeout`. */
export const told = (outcomes: ReadonlyArray<StreamOutcome>) =>
  outcomes.map((outcome) =>
    outcome._tag === "Failed"
      ? `${outcome.streamId} ${outcome.failure.code} ${outcome.failure.tag}`
      : `${outcome.streamId} ${outcome._tag.toLowerCase()}`
  )

/** Texts of what is published on a channel from now on, as it comes. */
export const collect = Effect.fnUntraced(
  function*(name: string): Effect.fn.Return<ReadonlyArray<string>, never, Transport.Transport | Scope.Scope> {
    const transport = yield* Transport.Transport
    const seen: Array<string> = []
    const messages = yield* Effect.orDie(transport.subscription(channel(name)))
    yield* messages.pipe(
      Stream.runForEachArray((array) =>
        Effect.sync(() => {
          for (const message of array) for (const payload of message.payloads) seen.push(text(payload))
        })
      ),
      Effect.orDie,
      Effect.forkScoped
    )
    return seen
  }
)

export const publish = (
  name: string,
  texts: ReadonlyArray<string>
): Effect.Effect<void, never, Transport.Transport> =>
  Transport.Transport.use((transport) =>
    Effect.orDie(transport.publishAll(
      channel(name),
      texts.map((one, i) => ({ payloads: [bytes(one)], timestampNanos: BigInt(i) }))
    ))
  )

const objects = Effect.map(
  Events.Events.use((events) => events.snapshot),
  (payloads: ReadonlyArray<EventPayload>) => payloads.map((payload) => payload.object)
)

/** The alerts that stand, as `streamFailed of a (CRITICAL)`. */
export const alerts = Effect.map(
  objects,
  (all) =>
    all.flatMap((object) =>
      object.case === "alert" && object.value.state !== 4
        ? [
          `${object.value.id} of ${object.value.streamId} (${
            ["", "INFO", "WARNING", "CRITICAL"][object.value.severity]
          })`
        ]
        : []
    ).toSorted()
)

/** Metadata of an alert that stands. */
export const alertOf = (id: string, streamId: string) =>
  Effect.map(objects, (all) => {
    for (const object of all) {
      if (object.case === "alert" && object.value.id === id && object.value.streamId === streamId) {
        return object.value.metadata as {
          readonly ErrorMessage: string
          readonly ExtraMessage: Record<string, unknown>
        }
      }
    }
    return undefined
  })

/** The status of each stream, as `a streamHealthy`. */
export const statuses = Effect.map(
  objects,
  (all) =>
    all.flatMap((object) => object.case === "status" ? [`${object.value.streamId} ${object.value.id}`] : []).toSorted()
)
