import { create, type JsonObject, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import type { Connector } from "@kps/connector"
import {
  type Payload,
  PayloadKind,
  PayloadSchema,
  ResponseCode,
  SetPayloadRequestSchema,
  StreamDirection
} from "@kps/idl"
import { Deferred, Effect, Fiber, Redacted, Schedule } from "effect"
import * as http2 from "node:http2"
import * as net from "node:net"
import { deepStruct, field } from "./support/Bytes.ts"
import { FakeStreams } from "./support/FakeStreams.ts"
import { GrpcCaller, infosOf, statusOf, unpackStatus, violationsOf } from "./support/GrpcCaller.ts"
import { configOf, connectorId, running, set, streamsOf } from "./support/GrpcCalls.ts"
import { config, type Parameters, stream } from "./support/SampleConnector.ts"
import { serve } from "./support/TestServer.ts"

/** Waits, at most two seconds, until a thing is so. */
const until = (condition: () => boolean) =>
  Effect.repeat(Effect.sync(condition), { until: (met) => met, schedule: Schedule.spaced("10 millis") }).pipe(
    Effect.timeout("2 seconds")
  )

describe("a server, called by @grpc/grpc-js", () => {
  describe("bad input is refused, named, and everything else goes on", () => {
    const refused = (payloads: ReadonlyArray<Payload>, want: ReadonlyArray<string>) =>
      Effect.gen(function*() {
        const { caller } = yield* serve()
        assert.strictEqual((yield* set(caller, [stream({ id: "old" }), config({ level: "DEBUG" })]))?.code, 1)

        const status = yield* set(caller, payloads)
        assert.strictEqual(status?.code, ResponseCode.INVALID_ARGUMENT)
        assert.deepStrictEqual(violationsOf(status?.details ?? []), want)

        assert.deepStrictEqual(yield* running(caller), ["old"])
        assert.deepStrictEqual(yield* configOf(caller), [{ level: "DEBUG" }])
      })
    const metadata = (metadata: JsonObject) => stream({ id: "new", metadata })

    it.live("metadata with __proto__", () =>
      refused([metadata(JSON.parse("{\"subject\":\"a\",\"__proto__\":{\"queue\":\"x\"}}"))], [
        "payloads[0].stream.metadata.__proto__: expected any key but \"__proto__\""
      ]))

    it.live("metadata with NaN", () =>
      refused([metadata({ subject: NaN })], ["payloads[0].stream.metadata.subject: expected a finite number, got NaN"]))

    it.live("metadata with null", () =>
      refused([metadata({ subject: null })], ["payloads[0].stream.metadata.subject: expected string, got null"]))

    it.live("a config with NaN, one with null below the top, one with __proto__", () =>
      refused(
        [
          config({ level: Infinity }),
          config({ password: { a: null } }),
          config(JSON.parse("{\"__proto__\":null,\"a\":{\"__proto__\":1}}"))
        ],
        [
          "payloads[0].config.metadata.level: expected a finite number, got Infinity",
          "payloads[2].config.metadata.a.__proto__: expected any key but \"__proto__\""
        ]
      ))

    it.live("duplicate ids", () =>
      refused([stream({ id: "a" }), stream({ id: "a" })], [
        "payloads[1].stream.id: expected an id of its own, got \"a\", which payloads[0] has"
      ]))

    it.live("channels with wildcards, white space, empty tokens, reserved or empty", () =>
      refused(
        ["a.*", "a.>", "a b", "a..b", "$SYS.a", "", "a\nb"].map((transportChannel, index) =>
          stream({ id: String(index), transportChannel })
        ),
        ["\"a.*\"", "\"a.>\"", "\"a b\"", "\"a..b\"", "\"$SYS.a\"", "\"\"", "\"a\\nb\""].map((got, index) =>
          `payloads[${index}].stream.transport_channel: expected a channel name such as "plant.line-1": ` +
          `tokens between dots, no white space, no wildcards, no leading $, got ${got}`
        )
      ))

    it.live("a payload with nothing in it, and unknown enum values", () =>
      refused([create(PayloadSchema), stream({ direction: 9 as StreamDirection })], [
        "payloads[0]: expected a config or a stream, got neither",
        "payloads[1].stream.direction: expected STREAM_DIRECTION_INGRESS or STREAM_DIRECTION_EGRESS, got 9"
      ]))

    it.live("the redaction marker given for a secret", () =>
      refused([metadata({ subject: "a", password: "<redacted>" }), config({ password: "<redacted>" })], [
        "payloads[0].stream.metadata.password: expected the secret itself, got \"<redacted>\"",
        "payloads[1].config.metadata.password: expected the secret itself, got \"<redacted>\""
      ]))

    it.live("a Struct deeper than allowed, and one just as deep", () =>
      Effect.gen(function*() {
        const { caller } = yield* serve()
        const reply = yield* caller.rawRpc("SetPayload", deepStruct(connectorId, 40))
        assert.include(
          violationsOf(statusOf("SetPayload", reply.reply)?.details ?? [])[0],
          ".a.a: expected at most 32 levels of objects and lists, got more"
        )
        const atLimit = yield* caller.rawRpc("SetPayload", deepStruct(connectorId, 31))
        assert.include(
          violationsOf(statusOf("SetPayload", atLimit.reply)?.details ?? [])[0],
          "payloads[0].stream.metadata.a: expected no such key"
        )
        assert.deepStrictEqual(yield* running(caller), [])
      }))

    it.live(
      "malformed bytes, 5 MiB, 10,000 levels: one after the other on one connection",
      () =>
        Effect.gen(function*() {
          const { caller } = yield* serve()
          yield* set(caller, [stream()])
          const inputs = [
            Uint8Array.of(10, 200, 1, 2),
            Uint8Array.of(255, 255, 255),
            Uint8Array.of(10, 2, 255, 254),
            new Uint8Array(5 << 20),
            deepStruct(connectorId, 10_000)
          ]
          for (const rpc of ["GetPayload", "SetPayload", "GetEvents"] as const) {
            for (const input of inputs) {
              // A request for streams has no Struct: there all of that is an unknown field.
              const { code } = yield* caller.rawRpc(rpc, input)
              assert.oneOf(code, rpc === "SetPayload" ? [8, 13] : [0, 8, 13])
              assert.deepStrictEqual(yield* running(caller), ["s"])
            }
          }
        }),
      20_000
    )

    it.live("a wrong id of 4 million characters is cut where it is echoed", () =>
      Effect.gen(function*() {
        for (const errors of ["inBand", "grpc"] as const) {
          const { caller } = yield* serve({ errors })
          const raw = yield* caller.encoded("GetEvents", { connectorId: "x".repeat(4_000_000) })
          const status = errors === "grpc" ? unpackStatus(raw.details[0]!) : statusOf("GetEvents", raw.reply)
          assert.strictEqual(status?.message, `want connector_id "c-1", got "${"x".repeat(200)}…"`)
        }
      }))
  })

  it.live("unknown fields are ignored, at every level", () =>
    Effect.gen(function*() {
      const { caller } = yield* serve()
      const unknown = field(99, new TextEncoder().encode("later"))
      const payload = Buffer.concat([toBinary(PayloadSchema, stream()), unknown])
      const request = Buffer.concat([
        field(1, new TextEncoder().encode(connectorId)),
        field(2, payload),
        unknown
      ])

      assert.strictEqual(statusOf("SetPayload", (yield* caller.rawRpc("SetPayload", request)).reply)?.code, 1)
      assert.deepStrictEqual(yield* running(caller), ["s"])
    }))

  it.live("a request of exactly 4 MiB is served, one byte more is refused", () =>
    Effect.gen(function*() {
      const { caller } = yield* serve()
      const request = toBinary(
        SetPayloadRequestSchema,
        create(SetPayloadRequestSchema, { connectorId, payloads: [stream()] })
      )
      const filled = (size: number) => {
        // A field that nobody knows: two bytes of tag and four of length before its content.
        const filler = field(99, new Uint8Array(size - request.length - 6))
        return Buffer.concat([request, filler])
      }
      assert.strictEqual(filled(4 << 20).length, 4 << 20)

      assert.strictEqual((yield* caller.rawRpc("SetPayload", filled(4 << 20))).code, 0)
      assert.strictEqual((yield* caller.rawRpc("SetPayload", filled((4 << 20) + 1))).code, 8)
      assert.deepStrictEqual(yield* running(caller), ["s"])
    }))

  it.live("a request that was refused half read does not keep its place among the 100", () =>
    Effect.gen(function*() {
      const { caller } = yield* serve()
      for (let i = 0; i < 120; i++) {
        assert.strictEqual(
          (yield* caller.rawRpc("SetPayload", new Uint8Array(5 << 20), { deadline: Date.now() + 2000 })).code,
          8
        )
      }
      assert.deepStrictEqual(yield* running(caller), [])
    }), 30_000)

  it.live("tells its clients that 100 calls at once are the most", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const settings = yield* Effect.callback<http2.Settings>((resume) => {
        const session = http2.connect(`http://127.0.0.1:${port}`)
        session.once("remoteSettings", (settings) => resume(Effect.succeed(settings)))
        return Effect.sync(() => session.destroy())
      })
      assert.strictEqual(settings.maxConcurrentStreams, 100)
    }))

  it.live("survives callers that speak no HTTP/2, hang up, or name no host", () =>
    Effect.gen(function*() {
      const { caller, port } = yield* serve()
      const talk = (bytes: string | Uint8Array) =>
        Effect.callback<void>((resume) => {
          const socket = net.connect(port, "127.0.0.1", () => {
            socket.write(bytes)
            setTimeout(() => socket.destroy(), 20)
          })
          socket.on("error", () => {})
          socket.once("close", () => resume(Effect.void))
        })
      yield* talk("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
      yield* talk(new Uint8Array(1000).fill(255))
      yield* talk("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense nonsense nonsense")
      const request = (headers: http2.OutgoingHttpHeaders) =>
        Effect.callback<void>((resume) => {
          const session = http2.connect(`http://127.0.0.1:${port}`)
          const stream = session.request({
            ":method": "POST",
            ":path": "/connector.v1.ConnectorService/GetEvents",
            "content-type": "application/grpc",
            ...headers
          })
          stream.on("error", () => {})
          stream.once("close", () => {
            session.destroy()
            resume(Effect.void)
          })
          stream.end()
        })
      yield* request({ ":authority": ":::: not a host" })
      yield* request({ ":authority": "host:99999" })
      yield* request({ ":path": "*" })
      yield* request({ "content-type": "text/plain" })
      yield* request({ "grpc-timeout": "nonsense" })
      yield* request({ "grpc-encoding": "nonsense" })

      assert.deepStrictEqual(yield* running(caller), [])
    }))

  it.live("answers a plain HTTP caller of an unknown path with 404", () =>
    Effect.gen(function*() {
      const { port } = yield* serve()
      const status = yield* Effect.callback<number | undefined>((resume) => {
        const session = http2.connect(`http://127.0.0.1:${port}`)
        const stream = session.request({ ":path": "/" })
        stream.once("response", (headers) => resume(Effect.succeed(headers[":status"])))
        return Effect.sync(() => session.destroy())
      })
      assert.strictEqual(status, 404)
    }))

  describe("details", () => {
    const many = Array.from({ length: 3000 }, (_, index) => stream({ id: String(index), metadata: { subjct: "a" } }))

    it.live("of a great many violations fit into a reply, and say how many there are", () =>
      Effect.gen(function*() {
        const { caller } = yield* serve()
        const status = yield* set(caller, many)

        assert.lengthOf(violationsOf(status?.details ?? []), 1000)
        assert.match(status?.message ?? "", /^6000 violations: /)
      }))

    it.live("of a great many violations fit into 8 KiB of trailers, and say how many there are", () =>
      Effect.gen(function*() {
        const { caller } = yield* serve({ errors: "grpc" })
        for (const payloads of [many, [stream({ id: "ü".repeat(250), metadata: { ["ü".repeat(256)]: "x" } })]]) {
          const raw = yield* caller.encoded("SetPayload", { connectorId, payloads })

          assert.strictEqual(raw.code, 3)
          assert.isAtMost(raw.trailerBytes, 8192)
          const status = unpackStatus(raw.details[0]!)
          assert.isNotEmpty(violationsOf(status?.details ?? []))
          assert.match(status?.message ?? "", payloads === many ? /^6000 violations: / : /^2 violations: /)
        }
      }))

    it.live("of a great many failed streams too", () =>
      Effect.gen(function*() {
        const fake = new FakeStreams()
        const ids = Array.from({ length: 3000 }, (_, index) => String(index))
        for (const id of ids) fake.failures.set(id, { tag: "T", code: "UNAVAILABLE", message: "ü".repeat(1000) })
        const inBand = yield* serve({ fake })
        const status = yield* set(inBand.caller, ids.map((id) => stream({ id })))
        assert.lengthOf(infosOf(status?.details ?? []), 1000)
        assert.match(status?.message ?? "", /^3000 of 3000 streams do not run: /)

        const { caller } = yield* serve({ fake, errors: "grpc" })
        const raw = yield* caller.encoded("SetPayload", { connectorId, payloads: ids.map((id) => stream({ id })) })
        assert.strictEqual(raw.code, 14)
        assert.isAtMost(raw.trailerBytes, 8192)
      }))
  })

  describe("secrets", () => {
    it.live("are in no answer: streams, offers, config, refusals", () =>
      Effect.gen(function*() {
        const offered: Connector.Discovered<Parameters> = {
          id: "offered",
          direction: "INGRESS",
          parameters: { subject: "o", queue: "none", password: Redacted.make("canary-1") }
        }
        const { caller } = yield* serve({ discover: Effect.succeed([offered]) })
        yield* set(caller, [
          stream({ metadata: { subject: "a", password: "canary-2" } }),
          config({ password: "canary-3" })
        ])
        const answers = yield* Effect.all([
          caller.encoded("GetPayload", { connectorId, kind: PayloadKind.STREAM }),
          caller.encoded("GetPayload", { connectorId, kind: PayloadKind.CONFIG }),
          caller.encoded("SetPayload", {
            connectorId,
            payloads: [stream({ metadata: { subject: "a b", password: "canary-4", pasword: "canary-5" } })]
          }),
          caller.encoded("GetEvents", { connectorId })
        ])

        const text = answers.map(({ reply }) => Buffer.from(reply).toString("latin1")).join()
        assert.notInclude(text, "canary")
        assert.strictEqual(text.split("<redacted>").length - 1, 3)
      }))
  })

  describe("deadlines and turns", () => {
    it.live("a reply comes before the caller's deadline though a stream hangs", () =>
      Effect.gen(function*() {
        const { caller } = yield* serve()
        const status = yield* set(caller, [
          stream({ id: "ok" }),
          stream({ id: "stuck", metadata: { subject: "a", hangs: true } })
        ], {
          deadline: Date.now() + 600
        })

        assert.strictEqual(status?.code, ResponseCode.DEADLINE_EXCEEDED)
        assert.deepStrictEqual(infosOf(status?.details ?? []).map(({ metadata }) => metadata["stream_id"]), ["stuck"])
        assert.deepStrictEqual(yield* running(caller), ["ok"])
      }))

    it.live("a call whose deadline passes, or that is cancelled, while it waits for its turn changes nothing", () =>
      Effect.gen(function*() {
        const latch = yield* Deferred.make<void>()
        const fake = new FakeStreams()
        fake.hold = Deferred.await(latch)
        const { caller } = yield* serve({ fake })
        const first = yield* Effect.forkChild(set(caller, [stream({ id: "first" })]), { startImmediately: true })
        yield* until(() => fake.active === 1)
        const late = yield* caller.encoded("SetPayload", { connectorId, payloads: [stream({ id: "late" })] }, {
          deadline: Date.now() + 100
        })
        assert.strictEqual(late.code, 4)
        const cancelled = yield* caller.cancelled(
          "SetPayload",
          toBinary(SetPayloadRequestSchema, create(SetPayloadRequestSchema, { connectorId, payloads: [stream()] }))
        )
        assert.strictEqual(cancelled.code, 1)
        // So that the server has heard of both.
        yield* caller.call("GetEvents", { connectorId })
        const last = yield* Effect.forkChild(set(caller, [stream({ id: "last" })]), { startImmediately: true })

        yield* Deferred.succeed(latch, undefined)
        yield* Fiber.join(first)
        yield* Fiber.join(last)

        assert.deepStrictEqual(fake.log, ["apply first", "apply last"])
      }))

    it.live("of eight calls at once the result is one, whole", () =>
      Effect.gen(function*() {
        const { caller, port } = yield* serve()
        const callers = yield* Effect.forEach(Array.from({ length: 8 }), () => GrpcCaller.make(port))
        yield* Effect.forEach(
          callers,
          (caller, n) =>
            set(
              caller,
              Array.from({ length: 5 }, (_, m) => stream({ id: `${n}-${m}`, metadata: { subject: `${n}` } }))
            ),
          { concurrency: "unbounded" }
        )

        const streams = yield* streamsOf(caller)
        const winner = streams[0]?.id.split("-")[0]
        assert.deepStrictEqual(
          streams.map(({ id, metadata, subscribed }) => [id, metadata?.["subject"], subscribed]),
          Array.from({ length: 5 }, (_, m) => [`${winner}-${m}`, winner, true])
        )
      }))

    it.live("a discover that hangs does not keep GetPayload beyond the caller's deadline", () =>
      Effect.gen(function*() {
        const { caller } = yield* serve({ discover: Effect.never })
        yield* set(caller, [stream()])

        const raw = yield* caller.encoded("GetPayload", { connectorId, kind: PayloadKind.STREAM }, {
          deadline: Date.now() + 500
        })
        assert.strictEqual(raw.code, 0)
      }))
  })
})
