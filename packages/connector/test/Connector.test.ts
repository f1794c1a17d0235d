import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Option, Queue, References, Schema, Scope, Stream } from "effect"
import { Connector, Delivery, Failure } from "../src/index.ts"

class Lost extends Schema.TaggedError<Lost>()("Lost", {}) {}

/** What the hooks below need, and write down what happens in. */
class Outside extends Context.Service<Outside, { readonly name: string; readonly log: Array<string> }>()(
  "@kps/connector/test/Outside"
) {}
const note = (line: string) =>
  Effect.map(Outside, ({ log, name }) => {
    log.push(`${name}: ${line}`)
  })

const definition = {
  version: "1",
  description: "t",
  stream: Schema.Struct({ path: Schema.String }),
  config: Schema.Struct({
    n: Schema.Int.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(7))),
    since: Schema.optionalKey(Schema.Date)
  }),
  failures: { Lost: Failure.retry({ code: "UNAVAILABLE", severity: "WARNING" }) }
} as const
const Both = Connector.make("both")({ ...definition, direction: "BIDIRECTIONAL" })
const In = Connector.make("in")({ ...definition, direction: "INGRESS" })

const bytes = new Uint8Array([1])
const stream = { id: "s-1", channel: "c", parameters: { path: "p" } }
const idle = { ingress: () => Effect.succeed(Delivery.lossy(Stream.never)) }

/**
 * Builds a layer with an `Outside` and hands over what the server finds. What the test then runs has none: nothing but
 * what was captured is there.
 */
const built = <Name extends string, S, C, E>(
  connector: { readonly Implemented: Context.Service<Connector.Implemented<Name>, Connector.Bound<S, C>> },
  layer: Layer.Layer<Connector.Implemented<Name>, E, Outside>
) =>
  Effect.gen(function*() {
    const log: Array<string> = []
    const context = yield* Layer.build(Layer.provide(layer, Layer.succeed(Outside, { name: "captured", log })))
    return { bound: Context.get(context, connector.Implemented), log }
  })
/** What the opening gets is the config that its layer has. */
const notThisOne: Connector.Config<never> = { get: Effect.die("not this one"), changes: Stream.die("not this one") }
const open = <S, C, A>(
  opening: Option.Option<Connector.Open<A, S, C, Connector.Tagged, Scope.Scope>>,
  parameters: S
) => Option.getOrThrow(opening)({ ...stream, parameters, config: notThisOne })

describe("Connector", () => {
  it.effect("opens a stream in the scope it is given, with the services that its layer was built with", () =>
    Effect.gen(function*() {
      const { bound, log } = yield* built(
        In,
        In.toLayer(Effect.gen(function*() {
          yield* Effect.acquireRelease(note("build"), () => note("unbuild").pipe(Effect.orDie))
          return {
            ingress: ({ channel, id, parameters }) =>
              Effect.as(
                Effect.acquireRelease(note(`open ${id} ${channel} ${parameters.path}`), () => note("close")),
                Delivery.lossy(Stream.make(bytes))
              )
          }
        }))
      )

      yield* Effect.scoped(Effect.andThen(open(bound.ingress, { path: "p" }), note("running"))).pipe(
        Effect.provideService(Outside, { name: "runner", log })
      )

      assert.deepStrictEqual(log, ["captured: build", "captured: open s-1 c p", "runner: running", "captured: close"])
    }))

  it.effect("releases what was acquired to build it with its layer, not with a stream", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { bound, log } = yield* built(
        In,
        In.toLayer(Effect.as(Effect.acquireRelease(note("build"), () => note("unbuild")), idle))
      ).pipe(Scope.provide(scope))
      yield* Effect.scoped(open(bound.ingress, { path: "p" }))
      assert.deepStrictEqual(log, ["captured: build"])
      yield* Scope.close(scope, Exit.void)

      assert.deepStrictEqual(log, ["captured: build", "captured: unbuild"])
    }))

  it.effect("runs a lossy source with the captured services", () =>
    Effect.gen(function*() {
      const { bound, log } = yield* built(
        In,
        In.toLayer(Effect.succeed({
          ingress: () => Effect.succeed(Delivery.lossy(Stream.fromEffect(Effect.as(note("read"), bytes))))
        }))
      )
      const source = yield* open(bound.ingress, { path: "p" })
      assert(source._tag === "Lossy")

      assert.deepStrictEqual(yield* Stream.runCollect(source.payloads), [bytes])
      assert.deepStrictEqual(log, ["captured: read"])
    }))

  it.effect("runs an acknowledged source, its ack and its nack with the captured services", () =>
    Effect.gen(function*() {
      const { bound, log } = yield* built(
        In,
        In.toLayer(Effect.succeed({
          ingress: () =>
            Effect.succeed(Delivery.acknowledged(
              Stream.make(
                { payloads: [bytes] as const, ack: note("ack 1"), nack: note("nack 1") },
                { payloads: [bytes, bytes] as const, ack: Effect.andThen(note("ack 2"), Effect.fail(new Lost())) }
              ).pipe(Stream.tap(() => note("read")))
            ))
        }))
      )
      const source = yield* open(bound.ingress, { path: "p" })
      assert(source._tag === "Acknowledged")
      const [first, second] = yield* Stream.runCollect(source.taken)
      assert(first?.nack !== undefined && second !== undefined)
      yield* first.ack
      yield* first.nack
      const error = yield* Effect.flip(second.ack)

      assert.strictEqual(error._tag, "Lost")
      assert.isUndefined(second.nack)
      assert.deepStrictEqual([first.payloads.length, second.payloads.length], [1, 2])
      assert.deepStrictEqual(log, [
        "captured: read",
        "captured: read",
        "captured: ack 1",
        "captured: nack 1",
        "captured: ack 2"
      ])
    }))

  it.effect("runs a resumable source from its position, with the captured services", () =>
    Effect.gen(function*() {
      const Offset = Schema.Struct({ offset: Schema.FiniteFromString })
      const { bound, log } = yield* built(
        In,
        In.toLayer(Effect.succeed({
          ingress: () =>
            Effect.succeed(Delivery.resumable({
              position: Offset,
              from: (at) => {
                const start = Option.match(at, { onNone: () => 0, onSome: ({ offset }) => offset })
                return Stream.fromEffect(Effect.as(note(`from ${start}`), {
                  payloads: [bytes] as const,
                  position: { offset: start + 1 }
                }))
              }
            }))
        }))
      )
      const source = yield* open(bound.ingress, { path: "p" })
      assert(source._tag === "Resumable")
      // What a server does: it keeps the encoded position, and knows nothing of its type.
      const next = (encoded: Option.Option<unknown>) =>
        source.run((position, from) =>
          Effect.gen(function*() {
            const codec = Schema.toCodecJson(position)
            const at = Option.isNone(encoded)
              ? Option.none()
              : Option.some(yield* Schema.decodeUnknownEffect(codec)(encoded.value))
            const [taken] = yield* Stream.runCollect(from(at))
            assert(taken !== undefined)
            return yield* Schema.encodeEffect(codec)(taken.position)
          })
        )
      const first = yield* next(Option.none())
      const second = yield* next(Option.some(first))

      assert.deepStrictEqual([first, second], [{ offset: "1" }, { offset: "2" }])
      assert.deepStrictEqual(log, ["captured: from 0", "captured: from 1"])
    }))

  it.effect("delivers to a sink with the captured services, and says which items failed", () =>
    Effect.gen(function*() {
      const item = (id: string): Delivery.Outgoing => ({ id, payload: bytes, timestamp: 1n, attempt: 1 })
      const { bound, log } = yield* built(
        Both,
        Both.toLayer(Effect.succeed({
          ...idle,
          egress: ({ parameters }) =>
            Effect.succeed(
              parameters.path === "partial"
                ? Delivery.sinkPartial({
                  idempotent: true,
                  deliver: (batch) =>
                    Effect.as(note(`deliver ${batch.length}`), Delivery.failed([{ index: 1, error: new Lost() }]))
                })
                : Delivery.sink({ idempotent: false, deliver: (batch) => note(`deliver ${batch[0].id}`) })
            )
        }))
      )
      const partial = yield* open(bound.egress, { path: "partial" })
      const outcome = yield* partial.deliver([item("a"), item("b")])
      const whole = yield* open(bound.egress, { path: "whole" })

      assert.deepStrictEqual(outcome, { failed: [{ index: 1, error: new Lost() }] })
      assert.deepStrictEqual(yield* whole.deliver([item("c")]), Delivery.delivered)
      assert.deepStrictEqual([partial.idempotent, whole.idempotent], [true, false])
      assert.deepStrictEqual(log, ["captured: deliver 2", "captured: deliver c"])
    }))

  it.effect("discovers with the captured services, where there is something to discover", () =>
    Effect.gen(function*() {
      const offered = [{ id: "x", direction: "INGRESS" as const, parameters: { path: "x" } }]
      const { bound, log } = yield* built(
        In,
        In.toLayer(Effect.succeed({ ...idle, discover: Effect.as(note("discover"), offered) }))
      )
      const none = yield* built(In, In.toLayer(Effect.succeed(idle)))

      assert.deepStrictEqual(yield* Option.getOrThrow(bound.discover), offered)
      assert.deepStrictEqual(log, ["captured: discover"])
      assert.isTrue(Option.isNone(none.bound.discover))
      assert.isTrue(Option.isNone(none.bound.egress))
    }))

  it.effect("does not mistake a service of its runner for the captured one, but logs as its runner does", () =>
    Effect.gen(function*() {
      const annotations: Array<unknown> = []
      const { bound, log } = yield* built(
        In,
        In.toLayer(Effect.succeed({
          ingress: () =>
            Effect.gen(function*() {
              annotations.push(yield* References.CurrentLogAnnotations)
              yield* note("open")
              return Delivery.lossy(Stream.fromEffect(Effect.as(note("read"), bytes)))
            })
        })).pipe(Layer.provide(Layer.succeed(References.CurrentLogAnnotations, { who: "builder" })))
      )
      yield* Effect.gen(function*() {
        const source = yield* open(bound.ingress, { path: "p" })
        assert(source._tag === "Lossy")
        yield* Stream.runDrain(source.payloads)
      }).pipe(
        Effect.provideService(Outside, { name: "runner", log }),
        Effect.annotateLogs({ stream: "s-1" })
      )

      assert.deepStrictEqual(log, ["captured: open", "captured: read"])
      assert.deepStrictEqual(annotations, [{ stream: "s-1" }])
    }))
})

describe("the config of a connector", () => {
  it.effect("has its defaults before the platform sends any", () =>
    Effect.gen(function*() {
      const { bound } = yield* built(In, In.toLayer(Effect.succeed(idle)))

      assert.deepStrictEqual(yield* bound.config.get, { n: 7 })
    }))

  it.effect("is one and the same for the builder, for every stream and for the server", () =>
    Effect.gen(function*() {
      const seen = yield* Queue.unbounded<string>()
      const follow = (who: string, config: Connector.Config<{ readonly n: number }>) =>
        config.changes.pipe(
          Stream.runForEach(({ n }) => Queue.offer(seen, `${who} ${n}`)),
          Effect.forkScoped({ startImmediately: true })
        )
      const { bound } = yield* built(
        In,
        In.toLayer(Effect.gen(function*() {
          const config = yield* In.Config
          const { n } = yield* config.get
          yield* Queue.offer(seen, `built with ${n}`)
          yield* follow("builder", config)
          return {
            ingress: (stream) =>
              Effect.gen(function*() {
                yield* follow("stream", stream.config)
                const { n } = yield* stream.config.get
                return Delivery.lossy(Stream.make(new Uint8Array([n])))
              })
          }
        }))
      )
      assert.deepStrictEqual(yield* Queue.takeN(seen, 2), ["built with 7", "builder 7"])
      yield* bound.setConfig({ n: 8 })
      assert.strictEqual(yield* Queue.take(seen), "builder 8")
      const source = yield* open(bound.ingress, { path: "p" })
      assert.strictEqual(yield* Queue.take(seen), "stream 8")
      yield* bound.setConfig({ n: 9 })

      assert(source._tag === "Lossy")
      assert.deepStrictEqual(yield* Stream.runCollect(source.payloads), [new Uint8Array([8])])
      assert.deepStrictEqual((yield* Queue.takeN(seen, 2)).toSorted(), ["builder 9", "stream 9"])
      assert.deepStrictEqual(yield* bound.config.get, { n: 9 })
    }))

  it.effect("does not change by being set to an equal value", () =>
    Effect.gen(function*() {
      const { bound } = yield* built(In, In.toLayer(Effect.succeed(idle)))
      const seen = yield* bound.config.changes.pipe(
        Stream.map(({ n }) => n),
        Stream.take(3),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* bound.setConfig({ n: 8, since: new Date(5) })
      yield* bound.setConfig({ n: 8, since: new Date(5) })
      yield* bound.setConfig({ n: 9 })

      assert.deepStrictEqual(yield* Fiber.join(seen), [7, 8, 9])
    }))

  it.effect("is of one connector, and no other's", () =>
    Effect.gen(function*() {
      const one = yield* built(In, In.toLayer(Effect.succeed(idle)))
      const other = yield* built(Both, Both.toLayer(Effect.succeed({ ...idle, egress: () => Effect.never })))
      yield* one.bound.setConfig({ n: 1 })

      assert.deepStrictEqual(yield* other.bound.config.get, { n: 7 })
    }))

  it.effect("that a check keeps from decoding {} is a bug of its definition", () =>
    Effect.gen(function*() {
      const Picky = Connector.make("picky")({
        ...definition,
        direction: "INGRESS",
        config: Schema.Struct({ n: Schema.optionalKey(Schema.Int) }).check(
          Schema.makeFilter(({ n }) => n !== undefined || "n, in the end")
        )
      })
      const exit = yield* Effect.exit(built(Picky, Picky.toLayer(Effect.succeed(idle))))

      assert(Exit.isFailure(exit))
      assert.include(Cause.pretty(exit.cause), "the config of \"picky\" does not decode {}")
    }))
})
