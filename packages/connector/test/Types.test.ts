import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema, type Scope, Stream } from "effect"
import { Connector, Delivery, Failure } from "../src/index.ts"
import { Brokers, BrokerUnreachable, layer, NatsConnector } from "./NatsConnector.ts"

class Forgotten extends Schema.TaggedError<Forgotten>()("Forgotten", {}) {}
class Other extends Schema.TaggedError<Other>()("Other", {}) {}

const Tail = Connector.make("tail")({
  version: "1.0",
  description: "Reads a file.",
  direction: "INGRESS",
  stream: Schema.Struct({ path: Schema.String }),
  config: Schema.Struct({ limit: Schema.optionalKey(Schema.Int) }),
  failures: {
    BrokerUnreachable: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL", backoff: { cap: "10 seconds" } })
  }
})
const Offset = Schema.Struct({ inode: Schema.Int, offset: Schema.Int })
const tail = Tail.toLayer(Effect.succeed({
  ingress: ({ parameters }) =>
    Effect.succeed(Delivery.resumable({
      position: Offset,
      from: (at) => {
        const start = Option.match(at, { onNone: () => 0, onSome: (p) => p.offset })
        return Stream.make({
          payloads: [new TextEncoder().encode(parameters.path)] as const,
          position: { inode: 1, offset: start + 1 }
        })
      }
    }))
}))

// Each test is checked by the compiler; what is left to run is that nothing throws at definition.
describe("the types of a connector", () => {
  it("ask of its layer for exactly the author's own services", () => {
    expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Connector.Implemented<"natsconnector">, never, Brokers>>()
    expectTypeOf(tail).toEqualTypeOf<Layer.Layer<Connector.Implemented<"tail">>>()

    // The failure to build is the layer's own, and has nothing to do with the failures table.
    const failing = Tail.toLayer(
      Effect.fail(new Other()).pipe(
        Effect.as({ ingress: () => Effect.succeed(Delivery.lossy(Stream.never)) })
      )
    )
    expectTypeOf(failing).toEqualTypeOf<Layer.Layer<Connector.Implemented<"tail">, Other>>()

    // What only an acknowledgement, a delivery or the discovery needs is asked for too.
    const needy = Tail.toLayer(Effect.succeed({
      ingress: () =>
        Effect.succeed(
          Delivery.acknowledged(
            Stream.make({ payloads: [new Uint8Array()] as const, ack: Effect.asVoid(Brokers) })
          )
        )
    }))
    expectTypeOf(needy).toEqualTypeOf<Layer.Layer<Connector.Implemented<"tail">, never, Brokers>>()
    const discovering = Tail.toLayer(Effect.succeed({
      ingress: () => Effect.succeed(Delivery.lossy(Stream.never)),
      discover: Effect.as(Brokers, [{ id: "1", direction: "INGRESS" as const, parameters: { path: "p" } }])
    }))
    expectTypeOf(discovering).toEqualTypeOf<Layer.Layer<Connector.Implemented<"tail">, never, Brokers>>()
  })

  it("let no scope and no config escape: both are the framework's to give", () => {
    const scoped = Tail.toLayer(Effect.gen(function*() {
      yield* Effect.acquireRelease(Effect.void, () => Effect.void)
      yield* Tail.Config
      return {
        ingress: () => Effect.acquireRelease(Effect.succeed(Delivery.lossy(Stream.never)), () => Effect.void)
      }
    }))
    expectTypeOf(scoped).toEqualTypeOf<Layer.Layer<Connector.Implemented<"tail">>>()
  })

  it("reach the hooks: parameters and config, decoded", () => {
    Tail.toLayer(Effect.succeed({
      ingress: (stream) => {
        expectTypeOf(stream.id).toEqualTypeOf<string>()
        expectTypeOf(stream.channel).toEqualTypeOf<string>()
        expectTypeOf(stream.parameters).toEqualTypeOf<{ readonly path: string }>()
        expectTypeOf(stream.config.get).toEqualTypeOf<Effect.Effect<{ readonly limit?: number }>>()
        expectTypeOf(stream.config.changes).toEqualTypeOf<Stream.Stream<{ readonly limit?: number }>>()
        return Effect.succeed(Delivery.lossy(Stream.never))
      }
    }))
    expectTypeOf(NatsConnector.Config).toExtend<
      Effect.Effect<
        Connector.Config<{ readonly log_level: "DEBUG" | "INFO" }>,
        never,
        Connector.ConfigOf<"natsconnector">
      >
    >()
    const restarting = Connector.make("x")({
      version: "1",
      description: "",
      direction: "INGRESS",
      stream: Schema.Struct({}),
      config: Schema.Struct({ n: Schema.optionalKey(Schema.Int) }),
      failures: {},
      restartOn: (before, after) => {
        expectTypeOf(before).toEqualTypeOf<{ readonly n?: number }>()
        return before.n !== after.n
      }
    })
    assert.isTrue(restarting.definition.restartOn?.({ n: 1 }, { n: 2 }))
  })

  it("give a server what it needs of any connector, with none of the author's requirements", () => {
    const any: readonly [Connector.Any<"natsconnector">, Connector.Any<"tail">] = [NatsConnector, Tail]
    assert.lengthOf(any, 2)
    expectTypeOf<Connector.Any["definition"]["direction"]>().toEqualTypeOf<Connector.Direction>()
    type Opened = Effect.Success<
      ReturnType<Option.Option.Value<Connector.Bound<{ readonly path: string }, unknown>["ingress"]>>
    >
    expectTypeOf<Opened>().toEqualTypeOf<Delivery.Source<Connector.Tagged, Scope.Scope>>()
    expectTypeOf(Effect.provide(NatsConnector.Implemented, layer)).toEqualTypeOf<
      Effect.Effect<
        Connector.Bound<
          { readonly subject: string; readonly broker: string },
          { readonly log_level: "DEBUG" | "INFO" }
        >,
        never,
        Brokers
      >
    >()
    // One connector's implementation is not another's.
    expectTypeOf<Connector.Implemented<"tail">>().not.toExtend<Connector.Implemented<"natsconnector">>()
  })
})

describe("what must not compile", () => {
  it("an error without a row in the failures table", () => {
    NatsConnector.toLayer(
      // @ts-expect-error the failures table has no row for "Forgotten"
      // @effect-diagnostics-next-line missingEffectError:off
      Effect.succeed({
        ingress: () => Effect.fail(new Forgotten()),
        egress: () => Effect.fail(new Forgotten())
      })
    )
    Tail.toLayer(
      // @ts-expect-error nor for one that only an acknowledgement can fail with
      Effect.succeed({
        ingress: () =>
          Effect.succeed(
            Delivery.acknowledged(
              Stream.make({ payloads: [new Uint8Array()] as const, ack: Effect.fail(new Forgotten()) })
            )
          )
      })
    )
    Tail.toLayer(
      // @ts-expect-error nor for one of the discovery
      // @effect-diagnostics-next-line missingEffectError:off
      Effect.succeed({
        ingress: () => Effect.succeed(Delivery.lossy(Stream.never)),
        discover: Effect.fail(new Forgotten())
      })
    )
    // A row that is there is enough.
    Tail.toLayer(Effect.succeed({ ingress: () => Effect.fail(new BrokerUnreachable({ broker: "b" })) }))
  })

  it("a missing direction, nor one that the class does not have", () => {
    NatsConnector.toLayer(
      // @ts-expect-error a BIDIRECTIONAL class must have both
      Effect.succeed({ ingress: () => Effect.succeed(Delivery.lossy(Stream.never)) })
    )
    Tail.toLayer(
      // @ts-expect-error an INGRESS class has no egress
      Effect.succeed({
        ingress: () => Effect.succeed(Delivery.lossy(Stream.never)),
        egress: () => Effect.succeed(Delivery.sink({ idempotent: false, deliver: () => Effect.void }))
      })
    )
  })

  it("an acknowledged source without its acknowledgement", () => {
    const withoutAck = Stream.make({ payloads: [new Uint8Array()] as const })
    Tail.toLayer(
      // @ts-expect-error nothing to acknowledge with
      Effect.succeed({ ingress: () => Effect.succeed(Delivery.acknowledged(withoutAck)) })
    )
  })

  it("a config that does not decode {}", () => {
    const noDefault = () =>
      Connector.make("x")({
        version: "1",
        description: "",
        direction: "INGRESS",
        stream: Schema.Struct({}),
        failures: {},
        // @ts-expect-error a config with a required key and no default
        config: Schema.Struct({ log_level: Schema.String })
      })
    assert.isFunction(noDefault)
  })

  it("a position of another type than the source's own", () => {
    Delivery.resumable({
      position: Offset,
      // @ts-expect-error a text is no offset
      from: () => Stream.make({ payloads: [new Uint8Array()] as const, position: "7" })
    })
  })

  it("an array of no payloads", () => {
    // @ts-expect-error nothing would be published, and it would be acknowledged
    Delivery.acknowledged(Stream.make({ payloads: [] as const, ack: Effect.void }))
  })
})
