import { assert, describe, it } from "@effect/vitest"
import type { Connector } from "@kps/connector"
import { Events } from "@kps/events"
import { Effect, Exit, identity, Layer, Option, Scope, Stream } from "effect"
import type { Broker } from "../src/Broker.ts"
import { BrokerLost, BrokerUnreachable, MessageTooLarge, NotForEgress } from "../src/BrokerError.ts"
import { Brokers } from "../src/Brokers.ts"
import { LogLevels } from "../src/LogLevels.ts"
import { NatsConnector } from "../src/NatsConnector.ts"
import * as NatsConnectorLive from "../src/NatsConnectorLive.ts"

const url = "nats://nats:4222"

/** An outside world without a network: what it is told, and what it does. */
const world = (broker: Partial<Broker> = {}) => {
  const told: Array<string> = []
  const levels: Array<string> = []
  const layer = NatsConnectorLive.layer({ instance: "c-1" }).pipe(
    Layer.provide([
      Layer.succeed(Brokers, {
        get: (address) => {
          told.push(`get ${address}`)
          return Effect.succeed({
            connected: Effect.sync(() => void told.push("connected")),
            connection: Effect.die("nobody asks for JetStream"),
            publish: (subject, payloads) =>
              Effect.sync(() => {
                told.push(`publish ${subject} ${payloads.length}`)
                return []
              }),
            subscribe: (subject, { queue }) =>
              Effect.acquireRelease(
                Effect.sync(() => {
                  told.push(`subscribe ${subject} ${queue}`)
                  return {
                    payloads: Stream.make(new Uint8Array([1]), new Uint8Array([2])),
                    droppedBeyond: () => Effect.never,
                    kept: () => 0,
                    drain: Effect.sync(() => void told.push("drain"))
                  }
                }),
                () => Effect.sync(() => void told.push("unsubscribe"))
              ),
            ...broker
          })
        }
      }),
      Layer.succeed(LogLevels, { set: (level) => Effect.sync(() => void levels.push(level)), limited: identity }),
      Events.layer
    ])
  )
  return { layer, levels, told }
}

type Parameters = { readonly subject: string; readonly broker: string; readonly queue?: string }

const stream = <C>(parameters: Parameters, config: Connector.Config<C>) => ({
  id: "s-1",
  channel: "c-1",
  parameters,
  config
})

const openIngress = (parameters: Parameters) =>
  Effect.flatMap(
    NatsConnector.Implemented,
    (bound) => Option.getOrThrow(bound.ingress)(stream(parameters, bound.config))
  )

const openEgress = (parameters: Parameters) =>
  Effect.flatMap(
    NatsConnector.Implemented,
    (bound) => Option.getOrThrow(bound.egress)(stream(parameters, bound.config))
  )

const outgoing = (index: number) => ({
  id: `${index}`,
  payload: new Uint8Array([index]),
  timestamp: 0n,
  attempt: 1
})

describe("NatsConnectorLive", () => {
  it.effect("reads a subject, as a member of its queue group, until the stream stops", () => {
    const { layer, told } = world()
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const source = yield* Scope.provide(openIngress({ subject: "a.>", broker: url, queue: "q" }), scope)
      assert(source._tag === "Lossy")
      assert.deepStrictEqual(yield* Stream.runCollect(source.payloads), [new Uint8Array([1]), new Uint8Array([2])])
      assert.deepStrictEqual(told, [`get ${url}`, "subscribe a.> q"])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(told.at(-1), "unsubscribe")
    }).pipe(Effect.provide(layer))
  })

  it.effect("publishes a batch at once, and says which of it cannot be", () => {
    const error = new MessageTooLarge({ broker: url, subject: "out", byteLength: 2, limit: 1 })
    const { layer } = world({ publish: () => Effect.succeed([{ index: 1, error }]) })
    return Effect.gen(function*() {
      const sink = yield* openEgress({ subject: "out", broker: url })
      assert.isFalse(sink.idempotent)
      assert.deepStrictEqual(yield* sink.deliver([outgoing(0), outgoing(1)]), { failed: [{ index: 1, error }] })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is not open while the outside broker is away, and tells that it went while nothing flows", () => {
    let away: BrokerUnreachable | undefined = new BrokerUnreachable({ broker: url, cause: "away" })
    const { layer } = world({ connected: Effect.suspend(() => away === undefined ? Effect.void : Effect.fail(away)) })
    return Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(openEgress({ subject: "out", broker: url })))._tag, "BrokerUnreachable")
      const first = away
      away = undefined
      const sink = yield* openEgress({ subject: "out", broker: url })
      assert(sink.check !== undefined)
      yield* sink.check
      away = first
      assert.strictEqual((yield* Effect.flip(sink.check))._tag, "BrokerUnreachable")
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("refuses for egress what only subscribers may have, naming it, before it connects", () => {
    const { layer, told } = world()
    return Effect.gen(function*() {
      for (
        const [parameters, message] of [
          [{ subject: "a.*" }, "subject \"a.*\" is not for an egress stream: want one without wildcards"],
          [{ subject: "a.>" }, "subject \"a.>\" is not for an egress stream: want one without wildcards"],
          [{ subject: ">" }, "subject \">\" is not for an egress stream: want one without wildcards"],
          [{ subject: "*.b" }, "subject \"*.b\" is not for an egress stream: want one without wildcards"],
          [{ subject: "$JS.API" }, "subject \"$JS.API\" is not for an egress stream: \"$\" is the broker's own"],
          [{ subject: "a", queue: "q" }, "queue \"q\" is not for an egress stream: only subscribers have queue groups"],
          [
            { subject: "a", jetstream: { read: "resumable", start: "first" } },
            "jetstream.read \"resumable\" is not for an egress stream: nothing is read outside"
          ],
          [
            { subject: "a", jetstream: { read: "acknowledged", start: "first", durable: "d" } },
            "jetstream.durable \"d\" is not for an egress stream: nothing is read outside"
          ],
          [
            { subject: "a", jetstream: { read: "acknowledged", start: "new" } },
            "jetstream.start \"new\" is not for an egress stream: nothing is read outside"
          ]
        ] as const
      ) {
        const error = yield* Effect.flip(openEgress({ broker: url, ...parameters }))
        assert(error instanceof NotForEgress)
        assert.strictEqual(error.message, message)
      }
      assert.deepStrictEqual(told, [])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("fails the source when the broker is lost", () => {
    const lost = new BrokerLost({ broker: url, cause: "gone" })
    const { layer } = world({
      subscribe: () =>
        Effect.succeed({
          payloads: Stream.fail(lost),
          droppedBeyond: () => Effect.never,
          kept: () => 0,
          drain: Effect.void
        })
    })
    return Effect.gen(function*() {
      const source = yield* openIngress({ subject: "in", broker: url })
      assert(source._tag === "Lossy")
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(source.payloads)), lost)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("puts the log level of each config in force", () => {
    const { layer, levels } = world()
    return Effect.gen(function*() {
      const { setConfig } = yield* NatsConnector.Implemented
      const settle = Effect.repeat(Effect.yieldNow, { times: 5 })
      yield* settle
      yield* setConfig({ log_level: "DEBUG" })
      yield* settle
      yield* setConfig({ log_level: "ERROR" })
      yield* settle
      assert.deepStrictEqual(levels, ["INFO", "DEBUG", "ERROR"])
    }).pipe(Effect.provide(layer))
  })

  it("has a row of the failures table for each error, and retries a broker that is away within seconds", () => {
    const { BrokerLost, BrokerUnreachable, MessageTooLarge, SubjectDenied } = NatsConnector.definition.failures
    for (const row of [BrokerLost, BrokerUnreachable]) {
      assert.deepStrictEqual(row, {
        action: "retry",
        code: "UNAVAILABLE",
        severity: "CRITICAL",
        backoff: { cap: "2 seconds" }
      })
    }
    assert.strictEqual(MessageTooLarge.action, "deadLetter")
    assert.strictEqual(SubjectDenied.action, "halt")
  })
})
