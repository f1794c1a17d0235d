import { assert, describe, it } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Exit, Scope } from "effect"
import { jetStreamOf, named, onlooker, proxyOf, texts } from "./jetstream.ts"
import { channelOf, connected, disconnected } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = "KPS_plant_line-1"

const reasonOf = (error: { readonly reason: { readonly _tag: string } }) => error.reason._tag

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, closing"), () => {
  it.live("counts what it could not store before it was closed", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      let told = 0
      const transport = yield* Effect.scoped(Effect.gen(function*() {
        const { transport } = yield* jetStreamOf({ servers: [proxy.url], drainTimeout: "200 millis" })
        yield* transport.publishConfirmed(channel, texts("a", 1))
        yield* proxy.hold("everything")
        yield* transport.publishAll(channel, texts("b", 7), { onUncertain: (count) => void (told += count) })
        return transport
      }))

      assert.strictEqual((yield* transport.stats).uncertain, 7)
      assert.strictEqual(told, 7)
    }))

  it.live("stores what it took when it is closed", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      yield* Effect.scoped(Effect.gen(function*() {
        const { transport } = yield* jetStreamOf({ servers: [server.url] })
        yield* transport.publishAll(channel, texts("a", 1000))
      }))
      const look = yield* onlooker(server)

      assert.deepStrictEqual(yield* look.textsIn(stream), named("a", 1000))
    }))

  it.live("stores when it is closed what it took right after the connection came back", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const transport = yield* Effect.scoped(Effect.gen(function*() {
        const { transport } = yield* jetStreamOf({ servers: [proxy.url] })
        yield* transport.publishConfirmed(channel, texts("a", 1))
        yield* proxy.cut
        yield* disconnected(transport)
        yield* connected(transport)
        yield* transport.publishAll(channel, texts("b", 10))
        return transport
      }))
      const look = yield* onlooker(server)

      assert.deepStrictEqual(yield* look.textsIn(stream), ["a0", ...named("b", 10)])
      assert.strictEqual((yield* transport.stats).uncertain, 0)
    }))

  it.live("takes nothing on another channel while it is closed", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const scope = yield* Scope.make()
      const { transport } = yield* Scope.provide(
        jetStreamOf({ servers: [proxy.url], drainTimeout: "500 millis" }),
        scope
      )
      yield* transport.publishConfirmed(channel, texts("a", 1))
      yield* proxy.hold("everything")
      yield* transport.publishAll(channel, texts("b", 1))
      yield* Effect.forkScoped(Scope.close(scope, Exit.void), { startImmediately: true })
      const error = yield* transport.publishConfirmed(channelOf("plant.line-2"), texts("c", 1)).pipe(
        Effect.flip,
        Effect.timeout("10 seconds")
      )

      assert.strictEqual(reasonOf(error), "Closed")
    }))

  it.live("does not say of a writer that is fenced that all of it is stored", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })
      const first = yield* jetStream.writer(channel, { epoch: 1 })
      yield* first.publishConfirmed(texts("a", 1))
      yield* Effect.flatMap(jetStream.writer(channel, { epoch: 2 }), ({ publishConfirmed }) =>
        publishConfirmed(texts("b", 1)))
      yield* first.publishAll(texts("c", 5))
      const errors = [yield* Effect.flip(first.flush), yield* Effect.flip(first.flush)]

      assert.deepStrictEqual(errors.map(reasonOf), ["WriterFenced", "WriterFenced"])
    }))

  it.live("fails with what an option that is a function has thrown, for that channel alone", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      let isBroken = true
      const { transport } = yield* jetStreamOf({
        servers: [server.url],
        stream: {
          name: (name) => {
            if (name === channel && isBroken) throw new Error("no name for it")
            return `KPS_${name.replaceAll(".", "_")}`
          }
        }
      })
      const publish = (name: typeof channel) =>
        Effect.timeout(transport.publishConfirmed(name, texts("a", 1)), "10 seconds")
      const error = yield* Effect.flip(publish(channel))
      yield* publish(channelOf("plant.line-2"))
      isBroken = false
      yield* publish(channel)
      const look = yield* onlooker(server)

      assert.include(error.message, "no name for it")
      assert.deepStrictEqual(yield* look.textsIn(stream), ["a0"])
    }))
})
