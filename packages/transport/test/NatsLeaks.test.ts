import { assert, describe, it } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { createServer } from "node:net"
import { channelOf, connected, disconnected, monitored, read, text, transportOf, until } from "./support.ts"

/** What keeps this process alive now, by kind. */
const resources = () => {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  const { TCPSocketWrap = 0, Timeout = 0, GetAddrInfoReqWrap = 0, TCPConnectWrap = 0 } = counts
  return { sockets: TCPSocketWrap + TCPConnectWrap, timers: Timeout, lookups: GetAddrInfoReqWrap }
}

/** The most that keeps it alive in a while: a timer does not count while its callback runs. */
const resourcesInAWhile = Effect.gen(function*() {
  let most = resources()
  for (let look = 0; look < 20; look++) {
    yield* Effect.sleep("5 millis")
    yield* Effect.yieldNow
    const now = resources()
    most = {
      sockets: Math.max(most.sockets, now.sockets),
      timers: Math.max(most.timers, now.timers),
      lookups: Math.max(most.lookups, now.lookups)
    }
  }
  return most
})

/** Waits until there is no more of anything than before. Has no timer of its own while it looks. */
const settled = Effect.fnUntraced(function*(before: ReturnType<typeof resources>) {
  for (let tries = 0; tries < 300; tries++) {
    const now = resources()
    if (now.sockets <= before.sockets && now.timers <= before.timers && now.lookups <= before.lookups) return
    yield* Effect.sleep("10 millis")
    // a timer counts until its callback has returned
    yield* Effect.yieldNow
  }
  assert.deepStrictEqual(resources(), before)
})

/** Within the test's real time, also under load. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => performance.now() - start)
  })

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, closing"), () => {
  it.live("leaves no socket and no timer behind, connected or not", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const before = resources()
      for (let i = 0; i < 30; i++) {
        yield* Effect.scoped(Effect.gen(function*() {
          const transport = yield* transportOf({ servers: [server.url] })
          const _unread = yield* transport.subscription(channelOf("a"))
          yield* transport.publish(channelOf("a"), text("a"))
        }))
      }
      yield* settled(before)
      const { num_connections } = yield* monitored<{ num_connections: number }>(server, "/connz")
      yield* server.kill()
      for (let i = 0; i < 10; i++) yield* Effect.scoped(transportOf({ servers: [server.url] }))

      yield* settled(before)
      assert.strictEqual(num_connections, 0)
    }), 15_000)

  it.live("ends a try that would take long, at once", () =>
    Effect.gen(function*() {
      const silent = yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((socket) => socket.on("error", () => undefined))
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { port } = silent.address() as { readonly port: number }
      const before = resources()
      const scope = yield* Scope.make()
      const made = yield* timed(
        transportOf({ servers: [`127.0.0.1:${port}`], connectTimeout: "1 minute" }).pipe(Scope.provide(scope))
      )
      const closed = yield* timed(Scope.close(scope, Exit.void))

      yield* settled(before)
      assert.isBelow(made, 2000)
      assert.isBelow(closed, 500)
    }))

  it.live("confirms what was published first", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const reader = yield* transportOf({ servers: [server.url] })
      const stream = yield* reader.subscription(channelOf("last"))
      yield* Effect.scoped(Effect.gen(function*() {
        const transport = yield* transportOf({ servers: [server.url] })
        yield* transport.publishAll(channelOf("last"), Array.from({ length: 10_000 }, (_, index) => text(`${index}`)))
      }))
      const received = yield* stream.pipe(Stream.take(10_000), Stream.runCollect)

      assert.strictEqual(read(received[9999]!), "9999")
    }))

  it.live("takes no longer than its time when the broker does not answer", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const before = resources()
      const scope = yield* Scope.make()
      const transport = yield* transportOf({ servers: [server.url], drainTimeout: "100 millis" }).pipe(
        Scope.provide(scope)
      )
      yield* server.kill("SIGSTOP")
      yield* until(
        "it stands still",
        transport.publish(channelOf("a"), text("a")).pipe(
          Effect.andThen(Effect.sleep("20 millis")),
          Effect.andThen(transport.stats),
          Effect.map(({ unconfirmedBytes }) => unconfirmedBytes > 0)
        )
      )
      const took = yield* timed(Scope.close(scope, Exit.void))
      const stats = yield* transport.stats
      yield* server.kill("SIGCONT")

      yield* settled(before)
      assert.isAtLeast(took, 90)
      assert.isBelow(took, 1000)
      assert.isAbove(stats.uncertain, 0)
      assert.strictEqual(stats.unconfirmedBytes, 0)
      assert.strictEqual(stats.disconnects, 0)
    }))

  it.live("ends what is still running on it, and says that it is closed", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const scope = yield* Scope.make()
      const transport = yield* transportOf({ servers: [server.url] }).pipe(Scope.provide(scope))
      const stream = yield* transport.subscription(channelOf("a"))
      yield* transport.publishConfirmed(channelOf("a"), [text("a")])
      const reading = yield* Effect.forkScoped(Effect.flip(Stream.runDrain(stream)))
      yield* Scope.close(scope, Exit.void)
      const errors = [
        yield* Fiber.join(reading),
        yield* Effect.flip(transport.publish(channelOf("a"), text("a"))),
        yield* Effect.flip(transport.subscription(channelOf("a"))),
        yield* Effect.flip(transport.flush)
      ]

      for (const error of errors) assert.strictEqual(error.message, "the transport is closed")
      assert.strictEqual((yield* transport.status)._tag, "Closed")
      assert.strictEqual((yield* transport.stats).received, 1)
    }))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, many cycles"), () => {
  it.live(
    "leaves no subscription behind after a thousand of them, read, unread and refused",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const transport = yield* transportOf({ servers: [server.url] })
        const before = yield* resourcesInAWhile
        for (let i = 0; i < 1000; i++) {
          const channel = channelOf(`cycle.${i}`)
          const reading = yield* Effect.forkChild(
            Stream.runHead(transport.subscribe(channel, { onDropped: () => Effect.void })),
            { startImmediately: true }
          )
          const _unread = yield* Effect.scoped(transport.subscription(channel, { drainWhen: Effect.never }))
          yield* i % 3 === 0
            ? Fiber.interrupt(reading)
            : Effect.andThen(transport.publish(channel, text("a")), transport.flush)
          if (i % 3 !== 0 && i % 2 === 0) yield* Fiber.join(reading)
          else yield* Fiber.interrupt(reading)
        }
        yield* transport.flush
        const { connections } = yield* monitored<{ connections: ReadonlyArray<{ subscriptions: number }> }>(
          server,
          "/connz"
        )

        yield* settled(before)
        assert.deepStrictEqual(connections.map(({ subscriptions }) => subscriptions), [0])
      }),
    30_000
  )

  it.live("leaves nothing of a subscription that failed, in a scope that goes on", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      yield* server.kill("SIGSTOP")
      const unconfirmed = until(
        "it stands still",
        transport.publish(channelOf("a"), text("a")).pipe(
          Effect.andThen(Effect.sleep("20 millis")),
          Effect.andThen(transport.stats),
          Effect.map(({ unconfirmedBytes }) => unconfirmedBytes > 0)
        )
      )
      yield* unconfirmed
      const subscribing = yield* Effect.forkChild(Effect.flip(transport.subscription(channelOf("b"))), {
        startImmediately: true
      })
      yield* server.kill()
      const error = yield* Fiber.join(subscribing)
      yield* server.restart
      yield* connected(transport)
      const { connections } = yield* monitored<{ connections: ReadonlyArray<{ subscriptions: number }> }>(
        server,
        "/connz"
      )

      assert.strictEqual(error.reason._tag, "NotConnected")
      assert.deepStrictEqual(connections.map(({ subscriptions }) => subscriptions), [0])
    }))

  it.live("has each subscription once after many reconnects", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({
        servers: [server.url],
        reconnectDelay: "5 millis",
        maxReconnectDelay: "20 millis"
      })
      const channel = channelOf("again")
      const stream = yield* transport.subscription(channel)
      const _gone = yield* Effect.scoped(transport.subscription(channelOf("gone")))
      for (let i = 0; i < 10; i++) {
        yield* server.kill()
        yield* disconnected(transport)
        yield* server.restart
        yield* connected(transport)
      }
      const { connections } = yield* monitored<{ connections: ReadonlyArray<{ subscriptions: number }> }>(
        server,
        "/connz"
      )
      yield* transport.publishConfirmed(channel, [text("a"), text("b")])
      const received = yield* stream.pipe(Stream.take(2), Stream.runCollect)

      assert.deepStrictEqual(connections.map(({ subscriptions }) => subscriptions), [1])
      assert.deepStrictEqual(received.map(read), ["a", "b"])
      assert.strictEqual((yield* transport.stats).disconnects, 10)
    }), 15_000)
})
