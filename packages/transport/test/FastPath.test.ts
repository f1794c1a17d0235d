/** That the fast data path is taken, keeps its place beside the client, and leaves it alone where it does not know it. */
import { assert, describe, it } from "@effect/vitest"
import { NatsConnection, NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { connect, type NatsConnection as Client } from "@nats-io/transport-node"
import { Context, Effect, Logger, Result, Stream } from "effect"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer, type Socket } from "node:net"
import { dirname, join } from "node:path"
import * as internals from "../src/internal/fast/internals.ts"
import { channelOf, collected, connected, disconnected, read, text, transportOf, until } from "./support.ts"

/** A transport with the fast path, and the client under it. */
const both = Effect.fnUntraced(function*(url: string, options: Partial<NatsTransport.Options> = {}) {
  const context = yield* NatsTransport.make({ servers: [url], fastPath: true, ...options })
  const transport = Context.get(context, Transport.Transport)
  return { transport, client: yield* Context.get(context, NatsConnection.NatsConnection).current }
})

const rawClient = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(() => connect({ servers: url })),
    (client) => Effect.promise(() => client.close())
  )

const path = (transport: Transport.Transport["Service"]) =>
  Effect.map(transport.status, (status) => status._tag === "Connected" ? status.dataPath : status._tag)

/** What is logged, a line each. */
const log = () => {
  const lines: Array<string> = []
  const logger = Logger.make((options) => void lines.push(Logger.formatLogFmt.log(options)))
  return { lines, logged: Logger.layer([logger]) }
}

/** A server of ours, that says what it is told to on each connection. */
const fakeServer = (onLine: (line: string, socket: Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly connections: () => number; readonly close: Effect.Effect<void> }>(
      (resume) => {
        const sockets = new Set<Socket>()
        let connections = 0
        const server = createServer((socket) => {
          connections++
          sockets.add(socket)
          socket.on("error", () => undefined)
          socket.write(`INFO {"server_id":"a","version":"2.9.10","proto":1,"max_payload":1048576,"headers":true}\r\n`)
          socket.on("data", (data) => {
            for (const line of data.toString("latin1").split("\r\n")) onLine(line, socket)
          })
        }).listen(0, "127.0.0.1", () => {
          const address = server.address()
          const port = typeof address === "object" ? address?.port : undefined
          resume(Effect.succeed({
            url: `nats://127.0.0.1:${port}`,
            connections: () => connections,
            close: Effect.sync(() => {
              for (const socket of sockets) socket.destroy()
              server.close()
            })
          }))
        })
      }
    ),
    ({ close }) => close
  )

describe("the fast data path, where the client is not as it was", () => {
  const withClient = (change: (protocol: Record<string, unknown>) => void) => {
    const parser = Object.assign(Object.create(Sample.prototype), { state: 0 })
    const protocol: Record<string, unknown> = {
      parser,
      inMsgs: 0,
      inBytes: 0,
      outMsgs: 0,
      outBytes: 0,
      outbound: { byteLength: 0 },
      flushPending: () => undefined,
      transport: { version: "3.4.0", send: () => undefined, socket: { write: () => true, writable: true } }
    }
    change(protocol)
    const found = internals.of({ protocol } as unknown as Client)
    return Result.isFailure(found) ? found.failure : "it is"
  }
  class Sample {
    parse() {}
  }

  it("says what is other than it was", () => {
    assert.strictEqual(
      withClient((protocol) => Object.assign(protocol["transport"]!, { version: "3.5.0" })),
      "it is not for version 3.5.0 of the client, only for 3.4.0"
    )
    assert.strictEqual(
      withClient((protocol) => Object.assign(protocol, { transport: undefined })),
      "it is not for version undefined of the client, only for 3.4.0"
    )
    assert.strictEqual(
      withClient((protocol) => Object.assign(protocol["transport"]!, { socket: undefined })),
      "the client has no \"protocol.transport.socket.write\" as it was"
    )
    assert.strictEqual(
      withClient((protocol) => Object.assign(protocol, { outbound: {} })),
      "the client has no \"protocol.outbound.byteLength\" as it was"
    )
    assert.strictEqual(withClient(() => undefined), "the client's parser reads a sample otherwise")
  })
})

describe("the client that is installed", () => {
  it("is one that the fast data path was made for: look at its parts again before adding a version", () => {
    const require = createRequire(import.meta.url)
    const versionOf = (folder: string): string => JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).version
    const folder = dirname(require.resolve("@nats-io/transport-node"))
    const version = versionOf(folder)

    assert.include(internals.versions, version)
    // its other half
    assert.strictEqual(versionOf(join(folder, "..", "nats-core")), version)
  })
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("the fast data path"), () => {
  it.live("is taken with the client that is installed, and said", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const { lines, logged } = log()
      const { transport } = yield* Effect.provide(both(server.url), logged)
      yield* until("it is logged", Effect.sync(() => lines.length > 0))

      assert.strictEqual(yield* path(transport), "fast")
      assert.match(lines.join("\n"), /connected to the broker.* dataPath=fast/)
    }), 20_000)

  it.live("is not taken when it is switched off", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const { lines, logged } = log()
      const { transport } = yield* Effect.provide(both(server.url, { fastPath: false }), logged)
      yield* until("it is logged", Effect.sync(() => lines.length > 0))

      assert.strictEqual(yield* path(transport), "client")
      assert.match(lines.join("\n"), /^.*connected to the broker.* dataPath=client[^\n]*$/)
    }), 20_000)

  it.live(
    "is not taken with a version that it does not know: all goes by the client, with a warning that says why",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const { lines, logged } = log()
        const known = internals.versions as Array<string>
        const before = known.splice(0, Infinity, "0.0.0")
        yield* Effect.addFinalizer(() => Effect.sync(() => known.splice(0, Infinity, ...before)))
        const { transport } = yield* Effect.provide(both(server.url), logged)
        const received = yield* collected(yield* transport.subscription(channelOf("slower")))
        yield* transport.publishConfirmed(channelOf("slower"), [text("a")])
        yield* until("it came", Effect.sync(() => received.length === 1))

        assert.strictEqual(yield* path(transport), "client")
        assert.match(lines[1]!, /level=WARN.*the fast data path is not taken.*3\.4\.0 of the client, only for 0\.0\.0/i)
      }),
    20_000
  )

  it.live("keeps the order of what goes by it and by the client", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const { client, transport } = yield* both(server.url)
      const raw = yield* rawClient(server.url)
      const channel = channelOf("order")
      const seen: Array<string> = []
      raw.subscribe(channel, { callback: (_, { data }) => void seen.push(new TextDecoder().decode(data.slice(-4))) })
      yield* Effect.promise(() => raw.flush())
      let count = 0
      const next = () => `${count++}`.padStart(4, "0")
      for (let round = 0; round < 200; round++) {
        for (let i = 0; i < round % 3; i++) client.publish(channel, next())
        yield* transport.publishAll(channel, Array.from({ length: round % 4 }, () => text(next())))
        for (let i = 0; i < round % 2; i++) client.publish(channel, "x".repeat(50_000) + next())
        if (round % 5 === 0) yield* Effect.sleep(0)
      }
      yield* transport.publishConfirmed(channel, [text(next())])
      yield* Effect.promise(() => raw.flush())

      assert.deepStrictEqual(seen, Array.from({ length: count }, (_, i) => `${i}`.padStart(4, "0")))
    }), 20_000)

  it.live(
    "leaves the client's own traffic alone: requests, headers, subscriptions that end by themselves",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const { client, transport } = yield* both(server.url)
        const raw = yield* rawClient(server.url)
        const received = yield* collected(yield* transport.subscription(channelOf("data")))
        raw.subscribe("echo", { callback: (_, message) => void message.respond(message.data) })
        const two: Array<string> = []
        client.subscribe("two", { max: 2, callback: (_, { data }) => void two.push(new TextDecoder().decode(data)) })
        yield* Effect.promise(() => client.flush())
        for (const value of ["a", "b", "c"]) raw.publish("two", value)
        yield* transport.publishAll(channelOf("data"), [text("before")])
        const replies = yield* Effect.forEach(
          ["x", "y".repeat(200_000)],
          (body) => Effect.promise(() => client.request("echo", body)),
          { concurrency: 2 }
        )
        const nobody = yield* Effect.flip(Effect.tryPromise(() => client.request("nobody", "")))
        yield* transport.publishConfirmed(channelOf("data"), [text("after")])
        yield* until("all came", Effect.sync(() => received.length === 2))

        assert.deepStrictEqual(replies.map(({ data }) => data.length), [1, 200_000])
        assert.match(String(nobody.cause), /no responders/)
        assert.deepStrictEqual(two, ["a", "b"])
        assert.deepStrictEqual(received, ["before", "after"])
        // its counts go on: a request and its answer, what was published and what came
        assert.isAtLeast(client.stats().outMsgs, 5)
        assert.isAtLeast(client.stats().inMsgs, 6)
      }),
    20_000
  )

  it.live(
    "reads messages with headers, and with somebody to reply to, as it reads the others",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        const { transport } = yield* both(server.url)
        const raw = yield* rawClient(server.url)
        const channel = channelOf("headers")
        const received = yield* collected(yield* transport.subscription(channel))
        const frame = (value: string) => Uint8Array.from([0x1a, value.length, ...new TextEncoder().encode(value)])
        const { headers } = yield* Effect.promise(() => import("@nats-io/transport-node"))
        const position = headers()
        position.set("Kps-Position", "3")
        for (let i = 0; i < 300; i += 3) {
          raw.publish(channel, frame(`${i}`))
          raw.publish(channel, frame(`${i + 1}`), { headers: position })
          raw.publish(channel, frame(`${i + 2}`), { reply: "there" })
        }
        yield* until("all came", Effect.sync(() => received.length === 300))

        assert.deepStrictEqual(received, Array.from({ length: 300 }, (_, i) => `${i}`))
      }),
    20_000
  )

  it.live("writes over nothing that a slow server has not read", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const { transport } = yield* both(server.url)
      const subscriber = yield* transportOf({ servers: [server.url] })
      const channel = channelOf("slow")
      const stream = yield* subscriber.subscription(channel)
      const count = 600
      const sums: Array<number> = []
      yield* stream.pipe(
        Stream.runForEachArray((messages) =>
          Effect.sync(() => {
            for (const { payloads } of messages) {
              const [payload] = payloads
              sums.push(payload!.every((byte) => byte === payload![0]) ? payload![0]! : -1)
            }
          })
        ),
        Effect.forkScoped
      )
      yield* server.kill("SIGSTOP")
      yield* Effect.forkScoped(
        transport.publishAll(
          channel,
          Array.from({ length: count }, (_, i) => ({
            timestampNanos: 0n,
            payloads: [new Uint8Array(1 + (i * 997) % 40_000).fill(i)]
          }))
        )
      )
      yield* Effect.sleep("200 millis")
      const { published } = yield* transport.stats
      yield* server.kill("SIGCONT")
      yield* until("all came", Effect.sync(() => sums.length === count))

      assert.isAbove(published, 100)
      assert.isBelow(published, count)
      assert.deepStrictEqual(sums, Array.from({ length: count }, (_, i) => i % 256))
    }), 20_000)

  it.live("is taken again after each reconnect", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const { transport } = yield* both(server.url, { reconnectDelay: "10 millis" })
      const received = yield* collected(yield* transport.subscription(channelOf("again")))
      for (let i = 0; i < 3; i++) {
        yield* server.kill()
        yield* disconnected(transport)
        yield* server.restart
        yield* connected(transport)
        assert.strictEqual(yield* path(transport), "fast")
        yield* transport.publishConfirmed(channelOf("again"), [text(`${i}`)])
        yield* until("it came", Effect.sync(() => received.length === i + 1))
      }
      assert.deepStrictEqual(received, ["0", "1", "2"])
    }), 20_000)

  it.live("feeds a thousand subscriptions", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const { transport } = yield* both(server.url)
      const channels = Array.from({ length: 1000 }, (_, i) => channelOf(`many.${i}`))
      const received = new Map<string, Array<string>>()
      yield* Effect.forEach(
        channels,
        (channel) =>
          Effect.gen(function*() {
            const messages: Array<string> = []
            received.set(channel, messages)
            const stream = yield* transport.subscription(channel)
            yield* Effect.forkScoped(
              Stream.runForEachArray(stream, (array) => Effect.sync(() => void messages.push(...array.map(read))))
            )
          }),
        { concurrency: "unbounded", discard: true }
      )
      for (let round = 0; round < 20; round++) {
        for (const channel of channels) yield* transport.publish(channel, text(`${channel} ${round}`))
      }
      const complete = () => [...received.values()].every((messages) => messages.length === 20)
      yield* until("all came", Effect.sync(complete))

      for (const channel of channels) {
        assert.deepStrictEqual(received.get(channel), Array.from({ length: 20 }, (_, round) => `${channel} ${round}`))
      }
    }), 30_000)
})

describe("the fast data path, with a server that is none", () => {
  it.live(
    "ends the connection at once when it sends what is no NATS, says so, and connects again",
    () =>
      Effect.gen(function*() {
        const server = yield* fakeServer((line, socket) => {
          if (line === "PING") socket.write("PONG\r\n")
          if (line.startsWith("SUB")) socket.write("MSG garbage 1 5\r\nhello\r\nMSG no numbers\r\n")
        })
        const transport = yield* transportOf({ servers: [server.url], fastPath: true, reconnectDelay: "1 second" })
        yield* connected(transport)
        yield* Effect.forkScoped(Effect.exit(Effect.scoped(transport.subscription(channelOf("garbage")))))
        const status = yield* disconnected(transport, "5 seconds")

        assert(status._tag === "Disconnected")
        assert.match(status.cause.message, /connection lost: processMsgArgs Parse Error/)
        yield* until("it connects again", Effect.sync(() => server.connections() > 1))
      }),
    20_000
  )

  it.live(
    "ends the connection when a callback of somebody else's throws, which makes the client deaf",
    () =>
      Effect.gen(function*() {
        const server = yield* fakeServer((line, socket) => {
          if (line === "PING") socket.write("PONG\r\n")
          if (line.startsWith("SUB bad")) socket.write("MSG bad 1 2\r\nhi\r\n")
        })
        const { client, transport } = yield* both(server.url, { reconnectDelay: "10 millis" })
        client.subscribe("bad", {
          callback: () => {
            throw new Error("theirs")
          }
        })
        const status = yield* disconnected(transport, "5 seconds")

        assert(status._tag === "Disconnected")
        assert.match(status.cause.message, /connection lost: theirs/)
        yield* connected(transport)
        assert.strictEqual(server.connections(), 2)
      }),
    20_000
  )
})
