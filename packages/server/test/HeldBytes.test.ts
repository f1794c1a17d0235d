import { create, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it, vi } from "@effect/vitest"
import { type EventPayload, EventPayloadSchema, GetEventsRequestSchema } from "@kps/idl"
import { Effect, Schedule } from "effect"
import { randomBytes } from "node:crypto"
import { EventEmitter } from "node:events"
import * as http2 from "node:http2"
import * as HeldBytes from "../src/HeldBytes.ts"
import { limits } from "../src/Http2Limits.ts"
import { GrpcCaller } from "./support/GrpcCaller.ts"
import { connect, hoard, message, open, partBytes } from "./support/Hoard.ts"
import { serve } from "./support/TestServer.ts"
import { untilTrue } from "./support/Until.ts"

/** An alert of 3 MiB that no compression makes much smaller. */
const manyEvents: ReadonlyArray<EventPayload> = [
  create(EventPayloadSchema, {
    object: { case: "alert", value: { id: "big", message: randomBytes(partBytes * 3 / 4).toString("base64") } }
  })
]

/** A server that reads what it is sent and answers what it is given, and the clock of its accounts. */
const bare = (one: { readonly request: boolean; readonly reply: boolean }) =>
  Effect.gen(function*() {
    let time = 0
    const held = HeldBytes.make(() => time)
    const server = http2.createServer()
    const read: Array<number> = []
    const replies: Array<(bytes: number) => void> = []
    server.on("stream", (stream) => {
      stream.on("error", () => {})
      const account = held.open(stream, one)
      const body = async () => {
        for await (const chunk of account.request(stream)) read.push(chunk.length)
      }
      const reply = async (bytes: number) => {
        stream.respond({ ":status": 200 })
        const chunks = (async function*() {
          yield new Uint8Array(bytes)
        })()
        for await (const chunk of account.reply(chunks)) stream.write(chunk)
        stream.end()
      }
      body().catch(() => {})
      replies.push((bytes) => void reply(bytes))
    })
    const port = yield* Effect.acquireRelease(
      Effect.callback<number>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
        })
      }),
      () => Effect.sync(() => server.close())
    )
    const session = yield* connect(port)
    const stream = session.request({ ":method": "POST" }).on("error", () => {})
    stream.write("some")
    yield* untilTrue("its first bytes", () => read.length === 1)
    return {
      held,
      stream,
      reply: (bytes: number) => replies[0]?.(bytes),
      pass: (millis: number) => {
        time += millis
        held.sweep()
      }
    }
  })

const reset = (stream: http2.ClientHttp2Stream) =>
  untilTrue("reset", () => stream.closed && stream.rstCode === http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)

describe("what calls hold", () => {
  it.live("is counted while they last", () =>
    Effect.gen(function*() {
      const { held, reply, stream } = yield* bare({ request: true, reply: true })
      assert.strictEqual(held.total(), 4)
      stream.write("more")
      yield* untilTrue("more", () => held.total() === 8)
      stream.end()
      stream.resume()
      reply(1000)
      yield* untilTrue("its end", () => stream.closed && held.total() === 0)
    }))

  it.live("is let go after 30 seconds where a request does not come to its end", () =>
    Effect.gen(function*() {
      const { pass, stream } = yield* bare({ request: true, reply: true })
      pass(limits.transferMillis)
      yield* Effect.sleep("20 millis")
      assert.isFalse(stream.closed)
      pass(1)
      yield* reset(stream)
    }))

  it.live("is let go after 30 seconds where a reply is not taken", () =>
    Effect.gen(function*() {
      const { held, pass, reply, stream } = yield* bare({ request: true, reply: true })
      stream.end()
      yield* Effect.sleep("20 millis")
      // However long that takes: the request has come.
      pass(10 * limits.transferMillis)
      yield* Effect.sleep("20 millis")
      reply(1 << 20)
      yield* untilTrue("the reply", () => held.total() > 1 << 20)
      assert.isFalse(stream.closed)
      pass(limits.transferMillis + 1)
      yield* untilTrue("its end", () => stream.closed && held.total() === 0)
    }))

  it.live("may last where a call has many requests and many replies", () =>
    Effect.gen(function*() {
      const { pass, reply, stream } = yield* bare({ request: false, reply: false })
      pass(10 * limits.transferMillis)
      reply(1 << 20)
      yield* Effect.sleep("20 millis")
      pass(10 * limits.transferMillis)
      yield* Effect.sleep("20 millis")
      assert.isFalse(stream.closed)
    }))

  it.live("is at most 64 MiB: beyond that calls are refused, but for small ones", () =>
    Effect.gen(function*() {
      const held = HeldBytes.make(() => 0)
      const read = (...sizes: ReadonlyArray<number>) => {
        // One cast: of a stream it wants to know no more than when it ends.
        const stream = new EventEmitter() as unknown as http2.ServerHttp2Stream
        const chunks = async function*() {
          for (const size of sizes) yield new Uint8Array(size)
        }
        const body = held.open(stream, { request: true, reply: true }).request(chunks())
        const drain = async () => {
          for await (const chunk of body) assert.isAbove(chunk.length, 0)
        }
        return Effect.as(Effect.tryPromise(drain), stream)
      }
      const first = yield* read(limits.heldBytes)
      yield* read(limits.smallBytes)
      const over = yield* Effect.flip(read(limits.smallBytes, 1))
      assert.include(String(over.cause), "[resource_exhausted]")

      first.emit("close")
      yield* read(limits.smallBytes, 1)
    }))

  it.live("by one caller does not keep others from being served", () =>
    Effect.gen(function*() {
      const { caller, port } = yield* serve({ events: { snapshot: Effect.succeed(manyEvents) } })
      const hoarder = yield* hoard(port)

      assert.strictEqual(yield* caller.check(), 1)
      const other = yield* GrpcCaller.make(port)
      assert.strictEqual((yield* other.encoded("GetEvents", { connectorId: "c-1" })).code, 8)
      hoarder.destroy()
      yield* Effect.retry(
        Effect.filterOrFail(other.encoded("GetEvents", { connectorId: "c-1" }), ({ code }) => code === 0),
        { schedule: Schedule.spaced("10 millis"), times: 200 }
      )
    }))
})

describe("a caller that hangs up in the middle of a reply", () => {
  it.live("is no news: nothing is printed, and the next one is served", () =>
    Effect.gen(function*() {
      const printed = vi.spyOn(console, "error")
      yield* Effect.addFinalizer(() => Effect.sync(() => printed.mockRestore()))
      const { caller, port } = yield* serve({ events: { snapshot: Effect.succeed(manyEvents) } })
      const request = message(toBinary(GetEventsRequestSchema, create(GetEventsRequestSchema, { connectorId: "c-1" })))
      const hangUps: ReadonlyArray<(stream: http2.ClientHttp2Stream) => void> = [
        (stream) => stream.close(http2.constants.NGHTTP2_CANCEL),
        (stream) => stream.close(http2.constants.NGHTTP2_NO_ERROR),
        (stream) => stream.session?.destroy(),
        (stream) => stream.session?.socket.destroy()
      ]
      for (const hangUp of hangUps) {
        const stream = open(yield* connect(port), "GetEvents")
        stream.end(request)
        yield* Effect.callback<void>((resume) => {
          stream.once("data", () => resume(Effect.void))
        })
        hangUp(stream)
      }
      yield* Effect.sleep("50 millis")

      assert.strictEqual((yield* caller.encoded("GetEvents", { connectorId: "c-1" })).code, 0)
      assert.deepStrictEqual(printed.mock.calls, [])
    }))
})
