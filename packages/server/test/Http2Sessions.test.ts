import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventEmitter } from "node:events"
import * as http2 from "node:http2"
import * as net from "node:net"
import { limits, sessionOptions } from "../src/Http2Limits.ts"
import * as Http2Sessions from "../src/Http2Sessions.ts"
import { untilTrue } from "./support/Until.ts"

/** Listens on a free port until the scope is closed. */
const listen = (server: net.Server) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.sync(() => server.close())
  )

/** A server that never answers, whose clock is moved by hand; `random` is in the middle. */
const serve = Effect.gen(function*() {
  let time = 0
  const sessions = Http2Sessions.make(() => time)
  let calls = 0
  const server = http2.createServer(sessionOptions, (request, response) => {
    calls++
    if (request.url === "/answered") response.end()
    if (request.url === "/large") response.end(Buffer.alloc(100 * limits.controlFrameBytes))
  })
  let pongs = 0
  server.on("session", (session) => {
    const ping = session.ping.bind(session)
    Object.assign(session, {
      ping: (callback: (error: Error | null, duration: number, payload: Uint8Array) => void) =>
        ping((...answer) => {
          callback(...answer)
          pongs++
        })
    })
    sessions.add(session, 0.5)
  })
  server.on("sessionError", () => {})
  const port = yield* listen(server)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const session of sessions.open.keys()) session.destroy()
    })
  )
  return {
    port,
    sessions,
    calls: () => calls,
    /** How many pings of the server were answered. */
    pongs: () => pongs,
    pass: (millis: number) => {
      time += millis
      sessions.sweep()
    }
  }
})

/** A client, and what has happened to it. */
const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Client>((resume) => {
      const client = new Client(http2.connect(`http://127.0.0.1:${port}`))
      client.session.once("remoteSettings", () => resume(Effect.succeed(client)))
    }),
    ({ session }) => Effect.sync(() => session.destroy())
  )

/** To the server and back: what was on its way to it before has come. */
const ping = ({ session }: Client) =>
  Effect.callback<void>((resume) => {
    session.ping(() => resume(Effect.void))
  })

class Client {
  readonly session: http2.ClientHttp2Session
  goaway: { readonly code: number; readonly text: string } | undefined
  closed = false
  constructor(session: http2.ClientHttp2Session) {
    this.session = session
    session.on("error", () => {})
    session.on("goaway", (code, _, data) => {
      this.goaway = { code, text: data?.toString() ?? "" }
    })
    session.once("close", () => {
      this.closed = true
    })
  }
  ended = 0
  call(path = "/"): http2.ClientHttp2Stream {
    const stream = this.session.request({ ":method": "POST", ":path": path }).on("error", () => {}).resume()
    stream.once("close", () => this.ended++)
    return stream.end()
  }
}

/** A wire between client and server that can be cut without a word. */
const wire = (port: number) =>
  Effect.gen(function*() {
    const sockets: Array<net.Socket> = []
    const proxy = net.createServer((socket) => {
      const other = net.connect(port, "127.0.0.1")
      sockets.push(socket, other)
      for (const end of [socket, other]) end.on("error", () => {})
      socket.pipe(other)
      other.pipe(socket)
    })
    const entrance = yield* listen(proxy)
    yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
    return {
      port: entrance,
      freeze: () => {
        for (const socket of sockets) {
          socket.unpipe()
          socket.pause()
        }
      }
    }
  })

const second = 1000

describe("connections", () => {
  it.live("without a call are let go after 20 minutes: told first, closed then", () =>
    Effect.gen(function*() {
      const { calls, pass, port, sessions } = yield* serve
      const idle = yield* connect(port)
      const busy = yield* connect(port)
      const used = yield* connect(port)
      busy.call()
      used.call("/answered")
      yield* untilTrue("calls", () => calls() === 2 && used.ended === 1)

      pass(limits.idleMillis - second)
      used.call("/answered")
      yield* untilTrue("another call", () => used.ended === 2)
      pass(2 * second)
      yield* untilTrue("GOAWAY", () => idle.goaway !== undefined)
      assert.deepStrictEqual(idle.goaway, { code: http2.constants.NGHTTP2_NO_ERROR, text: "" })
      pass(limits.sweepMillis)
      yield* untilTrue("its close", () => idle.closed && sessions.open.size === 2)
      assert.isUndefined(busy.goaway)
      assert.isUndefined(used.goaway)
    }))

  it.live("are let go after an hour, with half a minute for calls in flight", () =>
    Effect.gen(function*() {
      const { calls, pass, port, sessions } = yield* serve
      const client = yield* connect(port)
      const stream = client.call()
      yield* untilTrue("a call", () => calls() === 1)

      pass(limits.ageMillis - second)
      yield* Effect.sleep("20 millis")
      assert.isUndefined(client.goaway)
      pass(2 * second)
      yield* untilTrue("GOAWAY", () => client.goaway !== undefined)
      assert.deepStrictEqual(client.goaway, { code: http2.constants.NGHTTP2_NO_ERROR, text: "" })
      for (let passed = 0; passed < limits.ageGraceMillis; passed += limits.sweepMillis) pass(limits.sweepMillis)
      yield* Effect.sleep("20 millis")
      assert.isFalse(stream.closed)
      pass(limits.sweepMillis)
      yield* untilTrue("its end", () => client.closed && sessions.open.size === 0)
    }))

  it.live("are let go all at once when they are to come again", () =>
    Effect.gen(function*() {
      const { pass, port, sessions } = yield* serve
      const clients = [yield* connect(port), yield* connect(port)]
      sessions.retire()
      yield* untilTrue("GOAWAY", () => clients.every(({ goaway }) => goaway?.code === http2.constants.NGHTTP2_NO_ERROR))
      pass(limits.sweepMillis)
      yield* untilTrue("their close", () => clients.every(({ closed }) => closed) && sessions.open.size === 0)
    }))

  it.live("on which nobody speaks HTTP/2 are closed after 10 seconds", () =>
    Effect.gen(function*() {
      const { pass, port, sessions } = yield* serve
      const client = yield* connect(port)
      let closed = false
      const silent = net.connect(port, "127.0.0.1").on("error", () => {}).on("close", () => {
        closed = true
      }).resume()
      yield* Effect.addFinalizer(() => Effect.sync(() => silent.destroy()))
      yield* untilTrue("both", () => sessions.open.size === 2)

      pass(limits.greetingMillis)
      yield* Effect.sleep("20 millis")
      assert.isFalse(closed)
      pass(second)
      yield* untilTrue("its close", () => closed && sessions.open.size === 1)
      assert.isFalse(client.closed)
    }))

  it.live("that ping without end are closed, and say so; those that ping with their calls are not", () =>
    Effect.gen(function*() {
      const { pass, port, sessions } = yield* serve
      const noisy = yield* connect(port)
      const measuring = yield* connect(port)
      for (let i = 0; i < limits.controlFrames + 20; i++) {
        yield* ping(noisy)
        yield* ping(measuring)
        measuring.call("/answered")
      }
      yield* untilTrue("calls", () => measuring.ended === limits.controlFrames + 20)

      pass(limits.sweepMillis)
      yield* untilTrue("its close", () => noisy.closed && sessions.open.size === 1)
      assert.deepStrictEqual(noisy.goaway, {
        code: http2.constants.NGHTTP2_ENHANCE_YOUR_CALM,
        text: "too_many_pings"
      })
      assert.isFalse(measuring.closed)
    }))

  it.live("that ping while they receive much are not closed for it", () =>
    Effect.gen(function*() {
      const { pass, port, sessions } = yield* serve
      const measuring = yield* connect(port)
      measuring.call("/large")
      yield* untilTrue("the answer", () => measuring.ended === 1)
      for (let i = 0; i < limits.controlFrames + 50; i++) yield* ping(measuring)

      pass(limits.sweepMillis)
      yield* Effect.sleep("20 millis")
      assert.isFalse(measuring.closed)
      for (let i = 0; i < limits.controlFrames + 50; i++) yield* ping(measuring)

      pass(limits.sweepMillis)
      yield* untilTrue("its close", () => measuring.closed && sessions.open.size === 0)
    }))

  it.live("with a call in flight whose client has vanished are noticed by a ping", () =>
    Effect.gen(function*() {
      const { calls, pass, pongs, port, sessions } = yield* serve
      const cut = yield* wire(port)
      const vanished = yield* connect(cut.port)
      const there = yield* connect(port)
      vanished.call()
      there.call()
      yield* untilTrue("calls", () => calls() === 2)

      for (const round of [1, 2]) {
        pass(limits.pingEveryMillis + second)
        yield* untilTrue("answers", () => pongs() === 2 * round)
        // An answer is as good as a call: no other ping before the next minute of silence.
        pass(second)
        yield* Effect.sleep("20 millis")
        assert.strictEqual(pongs(), 2 * round)
        assert.strictEqual(sessions.open.size, 2, `round ${round}`)
      }
      cut.freeze()
      pass(limits.pingEveryMillis + second)
      yield* untilTrue("one answer", () => pongs() === 5)
      assert.strictEqual(sessions.open.size, 2)
      pass(limits.pingTimeoutMillis + second)
      yield* untilTrue("its close", () => sessions.open.size === 1)
      assert.isFalse(there.closed)
    }))

  it.live(
    "beyond 500 take the place of the one that is missed least; where all have calls, of none",
    () =>
      Effect.gen(function*() {
        const { calls, port, sessions } = yield* serve
        const first = yield* connect(port)
        first.call("/answered")
        yield* untilTrue("its call", () => first.ended === 1)
        const many = yield* Effect.forEach(Array.from({ length: limits.connections - 1 }), () => connect(port), {
          concurrency: 50
        })
        assert.strictEqual(sessions.open.size, limits.connections)

        // Never used before used, the oldest first.
        const next = yield* connect(port)
        yield* untilTrue("one closed", () => many.filter(({ closed }) => closed).length === 1)
        assert.deepStrictEqual(many.find(({ closed }) => closed)?.goaway, {
          code: http2.constants.NGHTTP2_ENHANCE_YOUR_CALM,
          text: "too_many_connections"
        })
        assert.isFalse(first.closed)
        assert.strictEqual(sessions.open.size, limits.connections)

        const open = [...many, next].filter(({ closed }) => !closed)
        for (const client of open) client.call()
        yield* untilTrue("calls", () => calls() === 1 + open.length)
        const used = yield* connect(port)
        yield* untilTrue("the used one closed", () => first.closed)
        used.call()
        yield* untilTrue("its call", () => calls() === 2 + open.length)

        const late = new Client(http2.connect(`http://127.0.0.1:${port}`))
        yield* untilTrue("the new one closed", () => late.closed)
        assert.isTrue([...open, used].every(({ closed }) => !closed))
      }),
    15_000
  )

  it("are no more than 500 even when many come at once", () => {
    const sessions = Http2Sessions.make(() => 0)
    const closed: Array<number> = []
    for (let n = 0; n < limits.connections + 10; n++) {
      // One cast: no more of a session is used, and it says that it is closed only later, or never.
      const session = Object.assign(new EventEmitter(), {
        destroyed: false,
        goaway: () => {},
        destroy() {
          this.destroyed = true
          closed.push(n)
        }
      }) as unknown as http2.ServerHttp2Session
      sessions.add(session, 0)
      assert.isAtMost(sessions.open.size, limits.connections)
    }
    assert.deepStrictEqual(closed, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it.live("carry no call with more headers than 16 KiB, or than 64 of them", () =>
    Effect.gen(function*() {
      const { port } = yield* serve
      const client = yield* connect(port)
      // The server's limits hold from its confirmation on, which is before the answer to this.
      yield* ping(client)
      const outcome = (headers: http2.OutgoingHttpHeaders) =>
        Effect.callback<number>((resume) => {
          const stream = client.session.request({ ":method": "POST", ":path": "/answered", ...headers })
          stream.on("error", () => {})
          stream.once("close", () => resume(Effect.succeed(stream.rstCode ?? 0)))
          stream.resume().end()
        })
      const some = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`h${n}`, "x"]))

      assert.strictEqual(yield* outcome({ long: "x".repeat(limits.headerListBytes - 500) }), 0)
      assert.strictEqual(yield* outcome(some(limits.headerPairs - 10)), 0)
      for (const headers of [{ long: "x".repeat(limits.headerListBytes) }, some(limits.headerPairs + 1)]) {
        assert.strictEqual(yield* outcome(headers), http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
      }
      assert.isFalse(client.closed)
    }))
})
