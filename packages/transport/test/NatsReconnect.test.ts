import { assert, describe, it } from "@effect/vitest"
import type { Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Fiber, Ref, Stream } from "effect"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import {
  channelOf,
  collected,
  connected,
  disconnected,
  monitored,
  statusWhere,
  text,
  transportOf,
  until
} from "./support.ts"

/** A server that does as it is told, and its port. */
const listening = (onConnection: (socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer((socket) => {
        socket.on("error", () => undefined)
        onConnection(socket)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(Effect.map((server) => (server.address() as AddressInfo).port)) // it listens on TCP

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("NATS, reconnecting"), () => {
  it.live("is made at once when no server is there, says why, and connects when one is", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      yield* server.kill()
      const transport = yield* transportOf({ servers: [server.url] })
      const status = yield* transport.status
      const channel = channelOf("away")
      const errors = [
        yield* Effect.flip(transport.publish(channel, text("a"))),
        yield* Effect.flip(transport.publishConfirmed(channel, [text("a")])),
        yield* Effect.flip(transport.flush),
        yield* Effect.flip(transport.subscription(channel))
      ]
      yield* server.restart
      const now = yield* connected(transport)
      const received = yield* collected(yield* transport.subscription(channel))
      yield* transport.publish(channel, text("b"))
      yield* until("the message is here", Effect.sync(() => received.length > 0))

      assert(status._tag === "Disconnected")
      assert.strictEqual(status.cause.reason._tag, "ConnectionFailed")
      assert.strictEqual(status.cause.message, `cannot connect to 127.0.0.1:${server.port}: connection refused`)
      for (const error of errors) {
        assert.strictEqual(error.reason._tag, "NotConnected")
        assert.isTrue(error.isRetryable)
        assert.strictEqual(error.message, `not connected to 127.0.0.1:${server.port}: connection refused`)
      }
      assert(now._tag === "Connected")
      assert.strictEqual(now.server, `127.0.0.1:${server.port}`)
      assert.deepStrictEqual(received, ["b"])
      assert.strictEqual((yield* transport.stats).published, 1)
      assert.strictEqual((yield* transport.stats).disconnects, 0)
    }))

  it.live(
    "recovers by itself from a server that is killed, and counts honestly what became of the messages",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const transport = yield* transportOf({ servers: [server.url] })
        const channel = channelOf("killed")
        const received = yield* collected(yield* transport.subscription(channel))
        const accepted: Array<string> = []
        const stop = yield* Ref.make(false)
        let next = 0
        // batches of ten: of one that fails the error says how many were handed over
        const publishing = yield* Effect.gen(function*() {
          while (!(yield* Ref.get(stop))) {
            const batch = Array.from({ length: 10 }, () => `${next++}`)
            const handedOver = yield* transport.publishAll(channel, batch.map(text)).pipe(
              Effect.as(10),
              Effect.catch(({ reason }) => Effect.succeed(reason._tag === "NotConnected" ? reason.handedOver : 0))
            )
            accepted.push(...batch.slice(0, handedOver))
            yield* Effect.sleep(1)
          }
        }).pipe(Effect.forkScoped)
        yield* until("messages flow", Effect.sync(() => received.length > 500))

        for (let round = 0; round < 3; round++) {
          const flowing = received.length
          yield* until("messages flow", Effect.sync(() => received.length > flowing + 200))
          yield* server.kill()
          yield* disconnected(transport, "2 seconds")
          const gone = received.length
          yield* server.restart
          yield* connected(transport, "5 seconds")
          yield* until("messages flow again", Effect.sync(() => received.length > gone + 200))
        }
        yield* Ref.set(stop, true)
        yield* Fiber.join(publishing)
        yield* transport.flush
        const stats = yield* transport.stats
        yield* until("all are read", Effect.map(transport.stats, (now) => now.received === received.length))

        assert.strictEqual(stats.disconnects, 3)
        assert.strictEqual(stats.published, accepted.length)
        assert.strictEqual(stats.unconfirmedBytes, 0)
        assert.isAtLeast(received.length, stats.published - stats.uncertain)
        assert.isAtMost(received.length, stats.published)
        assert.strictEqual(new Set(received).size, received.length, "nothing comes twice")
        const sent = new Set(accepted)
        assert.isTrue(received.every((value) => sent.has(value)), "nothing comes that was not accepted")
        assert.deepStrictEqual(received, received.toSorted((a, b) => Number(a) - Number(b)))
      }),
    30_000
  )

  it.live("says which messages of a call were handed over when the server goes in the middle", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url], maxUnconfirmedBytes: 10_000 })
      yield* server.kill("SIGSTOP")
      const publishing = yield* transport.publishAll(
        channelOf("middle"),
        Array.from({ length: 100 }, () => text("x".repeat(1100)))
      ).pipe(Effect.flip, Effect.forkScoped)
      yield* until("the window is full", Effect.map(transport.stats, ({ published }) => published === 9))
      yield* server.kill()
      const error = yield* Fiber.join(publishing)
      const stats = yield* transport.stats

      assert(error.reason._tag === "NotConnected")
      assert.strictEqual(error.reason.handedOver, 9)
      assert.match(error.message, /^not connected to 127\.0\.0\.1:\d+ after 9 messages were handed over: /)
      assert.strictEqual(stats.published, 9)
      assert.strictEqual(stats.uncertain, 9)
      assert.strictEqual(stats.unconfirmedBytes, 0)
    }))

  it.live("keeps what was published while away out of the next connection", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({ servers: [server.url] })
      const channel = channelOf("kept")
      const received = yield* collected(yield* transport.subscription(channel))
      yield* server.kill()
      yield* disconnected(transport)
      for (let i = 0; i < 100; i++) yield* Effect.ignore(transport.publish(channel, text("lost")))
      yield* server.restart
      yield* connected(transport)
      yield* transport.publish(channel, text("new"))
      yield* until("it is here", Effect.sync(() => received.length > 0))

      assert.deepStrictEqual(received, ["new"])
      assert.strictEqual((yield* transport.stats).published, 1)
    }))

  it.live("goes to the next server when one is gone, and comes back", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* NatsServer.make(), yield* NatsServer.make()]
      const transport = yield* transportOf({ servers: [first.url, second.url] })
      const channel = channelOf("failover")
      const received = yield* collected(yield* transport.subscription(channel))
      const on = ({ port }: { readonly port: number }) =>
        statusWhere(transport, (status) => status._tag === "Connected" && status.server === `127.0.0.1:${port}`)
      yield* on(first)
      yield* first.kill()
      yield* on(second)
      yield* transport.publish(channel, text("on the second"))
      yield* until("it is here", Effect.sync(() => received.length === 1))
      yield* first.restart
      yield* second.kill()
      yield* on(first)
      yield* transport.publish(channel, text("on the first"))
      yield* until("it is here", Effect.sync(() => received.length === 2))

      assert.deepStrictEqual(received, ["on the second", "on the first"])
    }))

  it.live("finds a server that another one has told about", () =>
    Effect.gen(function*() {
      const cluster = "cluster { name: c, listen: \"127.0.0.1:-1\" }"
      const first = yield* NatsServer.make({ config: cluster })
      const varz = monitored<{ cluster: { cluster_port: number }; connect_urls?: ReadonlyArray<string> }>(
        first,
        "/varz"
      )
      const route = (yield* varz).cluster.cluster_port
      const second = yield* NatsServer.make({
        config: `cluster { name: c, listen: "127.0.0.1:-1", routes: ["nats://127.0.0.1:${route}"] }`
      })
      yield* until(
        "the first knows the second",
        Effect.map(varz, ({ connect_urls = [] }) => connect_urls.length === 2)
      )
      const transport = yield* transportOf({ servers: [first.url] })
      yield* connected(transport)
      yield* first.kill()

      const status = yield* statusWhere(
        transport,
        (status) => status._tag === "Connected" && status.server === `127.0.0.1:${second.port}`
      )
      assert.strictEqual(status._tag, "Connected")
    }))

  it.live("gives up a server that stands still, and is back when it goes on", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({
        servers: [server.url],
        pingInterval: "50 millis",
        connectTimeout: "200 millis"
      })
      yield* connected(transport)
      yield* server.kill("SIGSTOP")
      const away = yield* disconnected(transport, "2 seconds")
      yield* server.kill("SIGCONT")
      yield* connected(transport, "5 seconds")

      assert(away._tag === "Disconnected")
      assert.include(away.cause.message, "no answer within 100 ms")
    }))

  it.live("goes on after a server that takes connections and says nothing, leaving no socket of it", () =>
    Effect.gen(function*() {
      const open = new Set<Socket>()
      let seen = 0
      const port = yield* listening((socket) => {
        seen++
        open.add(socket)
        socket.on("close", () => open.delete(socket))
      })
      const server = yield* NatsServer.make()
      yield* server.kill()
      const transport = yield* transportOf({
        servers: [`127.0.0.1:${port}`, server.url],
        connectTimeout: "100 millis"
      })
      yield* until("several tries were made", Effect.sync(() => seen >= 3))
      const status = yield* transport.status
      yield* server.restart
      yield* connected(transport)
      yield* until("no socket is left", Effect.sync(() => open.size === 0))

      assert(status._tag === "Disconnected")
      assert.include(status.cause.message, `cannot connect to 127.0.0.1:${port}, 127.0.0.1:${server.port}`)
    }))

  it.live("tries a few times a second at most, whether it is refused, cut off or never greeted", () =>
    Effect.gen(function*() {
      let tries = 0
      const port = yield* listening((socket) => {
        tries++
        socket.destroy()
      })
      const full = yield* NatsServer.make({ config: "max_connections: 1" })
      // newer servers log it only now and then
      const kicked = Effect.map(
        monitored<{ readonly total_connections: number }>(full, "/varz"),
        ({ total_connections }) => total_connections - 1
      )
      const since = performance.now()
      yield* transportOf({ servers: [full.url] })
      yield* transportOf({ servers: [`127.0.0.1:${port}`] })
      const refused = yield* transportOf({ servers: [full.url] })
      yield* Effect.sleep("2 seconds")
      yield* until("both were tried again", Effect.map(kicked, (count) => tries >= 2 && count >= 2))
      const status = yield* refused.status
      const most = 3 * (performance.now() - since) / 1000

      assert.isAtMost(tries, most)
      assert.isAtMost(yield* kicked, most)
      assert.strictEqual(status._tag, "Disconnected")
    }))

  it.live("tells each change of its status once, and since when it is so", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const transport = yield* transportOf({
        servers: [server.url],
        reconnectDelay: "20 millis",
        maxReconnectDelay: "20 millis"
      })
      const told: Array<Transport.ConnectionStatus> = []
      yield* transport.statusChanges.pipe(
        Stream.runForEach((status) => Effect.sync(() => told.push(status))),
        Effect.forkScoped
      )
      yield* server.kill()
      yield* disconnected(transport)
      yield* Effect.sleep("300 millis")
      const since = yield* transport.status
      yield* server.restart
      yield* connected(transport)
      yield* until("the change is told", Effect.sync(() => told.at(-1)?._tag === "Connected"))
      const away = told.filter((status) => status._tag === "Disconnected")

      assert.strictEqual(told[0]?._tag, "Connected")
      // the loss, then the refusals: all the same
      assert.isAtMost(away.length, 2)
      assert(since._tag === "Disconnected")
      assert.deepStrictEqual([...new Set(away.map(({ since }) => since))], [since.since])
    }))

  it.live("waits longer for a server that cuts each connection soon after greeting", () =>
    Effect.gen(function*() {
      let greeted = 0
      const fickle = yield* listening((socket) => {
        socket.write("INFO {\"max_payload\":1000,\"proto\":1,\"version\":\"2.9.0\"}\r\n")
        let pings = 0
        socket.on("data", (data) => {
          pings += data.toString().split("PING\r\n").length - 1
          socket.write("PONG\r\n")
          if (pings !== 2) return
          pings++
          greeted++
          setTimeout(() => socket.destroy(), 20)
        })
      })
      const transport = yield* transportOf({ servers: [`127.0.0.1:${fickle}`] })
      yield* Effect.sleep("2 seconds")
      const { disconnects } = yield* transport.stats

      assert.isAtLeast(greeted, 2)
      assert.isAtMost(greeted, 6)
      assert.isAtLeast(disconnects, 2)
    }))
})
