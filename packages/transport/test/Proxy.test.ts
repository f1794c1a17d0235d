import { assert, describe, it } from "@effect/vitest"
import * as Proxy from "@kps/transport/testing/Proxy"
import { Effect } from "effect"
import { connect, type Socket } from "node:net"
import { until } from "./support.ts"

/** A server that says back what it is told, and what it was told until now. */
const server = Effect.gen(function*() {
  const told = { text: "", ended: false }
  const address = yield* Proxy.listen((socket) =>
    void socket.setEncoding("utf8").on("error", () => {}).on("end", () => (told.ended = true)).on(
      "data",
      (text: string) => {
        told.text += text
        socket.write(text)
      }
    )
  )
  return { address, told }
})

const client = (address: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const seen: { text: string; ended: boolean; closed: boolean; at: number; readonly socket: Socket } = {
        text: "",
        ended: false,
        closed: false,
        at: 0,
        socket: connect({ port: Number(address.split(":")[1]), host: "127.0.0.1", allowHalfOpen: true })
      }
      seen.socket.setEncoding("utf8").on("error", () => {}).on("close", () => (seen.closed = true)).on(
        "end",
        () => (seen.ended = true)
      ).on("data", (text: string) => {
        seen.text += text
        seen.at = performance.now()
      })
      return seen
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const echo = Effect.gen(function*() {
  const { address, told } = yield* server
  const proxy = yield* Proxy.make(address)
  return { proxy, told, one: yield* client(proxy.address) }
})

describe("the proxy", () => {
  it.live("cuts what is connected, and lets new connections through", () =>
    Effect.gen(function*() {
      const { one, proxy } = yield* echo
      one.socket.write("a")
      yield* until("an echo", Effect.sync(() => one.text === "a"))
      yield* proxy.cut
      yield* until("the end", Effect.sync(() => one.ended))
      const next = yield* client(proxy.address)
      next.socket.write("b")
      yield* until("another echo", Effect.sync(() => next.text === "b"))
    }))

  it.live("closes the server's half, and the server still gets what the client says", () =>
    Effect.gen(function*() {
      const { one, proxy, told } = yield* echo
      one.socket.write("a")
      yield* until("an echo", Effect.sync(() => one.text === "a"))
      yield* proxy.halfClose
      yield* until("the end of the half", Effect.sync(() => one.ended))
      one.socket.write("b")
      yield* until("what the client says", Effect.sync(() => told.text === "ab"))
      assert.deepStrictEqual([one.text, one.closed, told.ended], ["a", false, false])
    }))

  it.live("holds answers alone, and forgets what waited", () =>
    Effect.gen(function*() {
      const { one, proxy, told } = yield* echo
      yield* proxy.hold("answers")
      one.socket.write("a")
      yield* until("the question", Effect.sync(() => told.text === "a"))
      // its answer is on the way to where it is held
      yield* Effect.sleep("50 millis")
      yield* proxy.forget
      one.socket.write("b")
      yield* until("the next answer", Effect.sync(() => one.text !== ""))
      assert.strictEqual(one.text, "b")
    }))

  it.live("holds questions alone, and lets them through when it is released", () =>
    Effect.gen(function*() {
      const told: Array<string> = []
      let say = (_: string): void => {}
      const address = yield* Proxy.listen((socket) => {
        say = (text) => void socket.write(text)
        socket.setEncoding("utf8").on("error", () => {}).on("data", (text: string) => void told.push(text))
      })
      const proxy = yield* Proxy.make(address)
      const one = yield* client(proxy.address)
      one.socket.write("a")
      yield* until("a question", Effect.sync(() => told.join("") === "a"))
      yield* proxy.hold("questions")
      one.socket.write("b")
      say("x")
      yield* until("what is not held", Effect.sync(() => one.text === "x"))
      yield* Effect.sleep("50 millis")
      assert.deepStrictEqual(told, ["a"])
      yield* proxy.release
      yield* until("what was held", Effect.sync(() => told.join("") === "ab"))
    }))

  it.live("shows what clients said that is held, of each connection", () =>
    Effect.gen(function*() {
      const { one, proxy, told } = yield* echo
      const other = yield* client(proxy.address)
      one.socket.write("a")
      other.socket.write("b")
      yield* until("both echoes", Effect.sync(() => one.text + other.text === "ab"))
      const asked = Effect.map(proxy.asked, (all) => all.map((bytes) => Buffer.from(bytes).toString()).toSorted())
      assert.deepStrictEqual(yield* asked, ["", ""])

      yield* proxy.hold("everything")
      one.socket.write("c")
      yield* until("what is held", Effect.map(asked, (texts) => texts.join() === ",c"))
      one.socket.write("d")
      yield* until("more of it", Effect.map(asked, (texts) => texts.join() === ",cd"))
      assert.strictEqual(told.text.length, 2)

      yield* proxy.release
      yield* until("its echo", Effect.sync(() => one.text === "acd"))
      assert.deepStrictEqual(yield* asked, ["", ""])
    }))

  it.live("delays both ways, and keeps the order when it delays less", () =>
    Effect.gen(function*() {
      const { one, proxy } = yield* echo
      one.socket.write("0")
      yield* until("an echo", Effect.sync(() => one.text === "0"))
      yield* proxy.delay("150 millis")
      const from = performance.now()
      one.socket.write("a")
      // both are separate chunks for the proxy
      yield* Effect.sleep("20 millis")
      yield* proxy.delay(0)
      one.socket.write("b")
      yield* until("both", Effect.sync(() => one.text.length === 3))
      assert.strictEqual(one.text, "0ab")
      assert.isAtLeast(one.at - from, 140)
    }))

  it.live("keeps the order of what comes close together, whatever the delay was and is", () =>
    Effect.gen(function*() {
      const { one, proxy } = yield* echo
      const said: Array<string> = []
      for (let i = 0; i < 300; i++) {
        yield* proxy.delay([4, 21, 1][Math.floor(i / 10) % 3] ?? 0)
        said.push(`${i},`)
        one.socket.write(`${i},`)
        // each a chunk of its own
        yield* Effect.sleep(i % 3 === 0 ? "1 millis" : "200 micros")
      }
      yield* until("everything", Effect.sync(() => one.text.length >= said.join("").length))
      assert.strictEqual(one.text, said.join(""))
    }))

  it.live("drops the messages it is told to, whatever chunks they come in, and counts them", () =>
    Effect.gen(function*() {
      const { address } = yield* server
      const proxy = yield* Proxy.make(address, { frames: true })
      const one = yield* client(proxy.address)
      yield* proxy.drop((subject, body) => subject === "acks" && body.startsWith("x"))
      const frames =
        "PING\r\nMSG acks 1 3\r\nxyz\r\nMSG acks 1 3\r\nyes\r\nHMSG other 1 12 15\r\nNATS/1.0\r\n\r\nxyz\r\n"
      for (let i = 0; i < frames.length; i += 7) {
        one.socket.write(frames.slice(i, i + 7))
        yield* Effect.sleep("2 millis")
      }
      const rest = frames.replace("MSG acks 1 3\r\nxyz\r\n", "")
      yield* until("the rest", Effect.sync(() => one.text.length >= rest.length))
      assert.strictEqual(one.text, rest)
      assert.strictEqual(yield* proxy.dropped, 1)
    }))
})
