/** What is served without connect, beside connect serving the same: no caller can tell which of them answered. */
import { create, fromBinary, toBinary, toJsonString } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import {
  EventPayloadSchema,
  GetEventsRequestSchema,
  GetEventsResponseSchema,
  GetPayloadRequestSchema,
  PayloadKind,
  SetPayloadRequestSchema
} from "@kps/idl"
import { Duration, Effect, type Scope } from "effect"
import * as http2 from "node:http2"
import { gunzipSync, gzipSync } from "node:zlib"
import * as GrpcServer from "../src/GrpcServer.ts"
import { limits } from "../src/Http2Limits.ts"
import { serve } from "./support/TestServer.ts"

interface Answer {
  readonly headers: Readonly<Record<string, unknown>>
  readonly trailers: Readonly<Record<string, unknown>>
  readonly body: Buffer
  readonly rstCode: number
}

const session = (port: number): Effect.Effect<http2.ClientHttp2Session, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => http2.connect(`http://127.0.0.1:${port}`)),
    (client) => Effect.sync(() => client.destroy())
  )

/** Sends the chunks one by one, and the end where it is told to. */
const exchange = (
  client: http2.ClientHttp2Session,
  { chunks = [], end = true, headers = {}, rpc = "GetEvents" }: Request
): Effect.Effect<Answer> =>
  Effect.callback((resume) => {
    const stream = client.request({
      ":method": "POST",
      ":path": `/connector.v1.ConnectorService/${rpc}`,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers
    })
    let got: Answer["headers"] = {}
    let trailers: Answer["trailers"] = {}
    const body: Array<Buffer> = []
    const told = ({ date: _, ...rest }: http2.IncomingHttpHeaders) => ({ ...rest })
    stream.on("response", (headers) => {
      got = told(headers)
    })
    stream.on("trailers", (headers) => {
      trailers = told(headers)
    })
    stream.on("data", (chunk: Buffer) => body.push(chunk))
    stream.on("error", () => {})
    stream.on("close", () =>
      resume(Effect.succeed({ headers: got, trailers, body: Buffer.concat(body), rstCode: stream.rstCode })))
    const sendFrom = (index: number): void => {
      if (stream.destroyed) {
        return
      }
      const chunk = chunks[index]
      if (chunk === undefined) {
        return void (end && stream.end())
      }
      stream.write(chunk)
      setTimeout(() =>
        sendFrom(index + 1), 5)
    }
    sendFrom(0)
  })

interface Request {
  readonly rpc?: "GetEvents" | "GetPayload" | "SetPayload"
  readonly headers?: Readonly<Record<string, string>>
  readonly chunks?: ReadonlyArray<Uint8Array>
  readonly end?: boolean
}

const frame = (bytes: Uint8Array, flag = 0): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(bytes.byteLength, 1)
  return Buffer.concat([prefix, bytes])
}

const asked = create(GetEventsRequestSchema, { connectorId: "c-1" })
const events = frame(toBinary(GetEventsRequestSchema, asked))
const wrong = frame(toBinary(GetEventsRequestSchema, create(GetEventsRequestSchema, { connectorId: "c-2" })))
const config = frame(
  toBinary(GetPayloadRequestSchema, create(GetPayloadRequestSchema, { connectorId: "c-1", kind: PayloadKind.CONFIG }))
)
const set = frame(toBinary(SetPayloadRequestSchema, create(SetPayloadRequestSchema, { connectorId: "c-1" })))

const requests: Readonly<Record<string, Request>> = {
  "a whole request": { chunks: [events] },
  "GetPayload": { rpc: "GetPayload", chunks: [config] },
  "SetPayload": { rpc: "SetPayload", chunks: [set] },
  "an error of the contract": { chunks: [wrong] },
  "the long name of the type": { headers: { "content-type": "application/grpc+proto" }, chunks: [events] },
  "a request in pieces": { chunks: Array.from(events, (_, i) => events.subarray(i, i + 1)) },
  "a deadline far away": { headers: { "grpc-timeout": "600S" }, chunks: [events] },
  "a deadline that makes no sense": { headers: { "grpc-timeout": "soon" }, chunks: [events] },
  "no message": { chunks: [] },
  "half a prefix": { chunks: [events.subarray(0, 3)] },
  "half a message": { chunks: [events.subarray(0, events.byteLength - 1)] },
  "two messages": { chunks: [events, events] },
  "two messages at once": { chunks: [Buffer.concat([events, events])] },
  "more than a message": { chunks: [Buffer.concat([events, Buffer.from([1])])] },
  "no protobuf": { chunks: [frame(Buffer.from([0xff, 0xff]))] },
  "a text that is no UTF-8": { chunks: [frame(Buffer.from([10, 1, 0xff]))] },
  "a compressed request": {
    headers: { "grpc-encoding": "gzip" },
    chunks: [frame(gzipSync(events.subarray(5)), 1)]
  },
  "a compressed request whose headers say nothing of it": { chunks: [frame(gzipSync(events.subarray(5)), 1)] },
  "a compression that nobody knows": { headers: { "grpc-encoding": "zip" }, chunks: [events] },
  "identity": { headers: { "grpc-encoding": "identity" }, chunks: [events] },
  "a flag that is none": { chunks: [frame(events.subarray(5), 2)] },
  "JSON": {
    headers: { "content-type": "application/grpc+json" },
    chunks: [frame(Buffer.from(toJsonString(GetEventsRequestSchema, asked)))]
  },
  "another type": { headers: { "content-type": "text/plain" }, chunks: [events] },
  "an answer that may be compressed": {
    headers: { "grpc-accept-encoding": "identity,deflate,gzip" },
    chunks: [events]
  },
  "an answer that may be brotli": { headers: { "grpc-accept-encoding": "br" }, chunks: [events] },
  "a short answer that may be compressed": {
    rpc: "SetPayload",
    headers: { "grpc-accept-encoding": "gzip" },
    chunks: [set]
  },
  "a method that is not POST": { headers: { ":method": "PUT" }, chunks: [events] },
  "a query": { headers: { ":path": "/connector.v1.ConnectorService/GetEvents?x=1" }, chunks: [events] },
  "a message that is announced as too large": {
    chunks: [Buffer.from([0, 0xff, 0, 0, 0])],
    end: false
  },
  "a message that is too large": { chunks: [frame(Buffer.alloc(limits.messageBytes + 1))] }
}

/** Enough for an answer that is worth to be compressed. */
const inForce = Array.from({ length: 40 }, (_, i) =>
  create(EventPayloadSchema, {
    object: {
      case: "status",
      value: { id: "streamHealthy", streamId: `stream-${i}`, message: "the stream is healthy", metadata: { i } }
    }
  }))

/** The same connector served both ways. */
const both = Effect.gen(function*() {
  const direct = yield* serve({ events: { snapshot: Effect.succeed(inForce) } })
  const connect = yield* GrpcServer.make({
    host: "127.0.0.1",
    port: 0,
    routes: direct.routes,
    gracePeriod: Duration.seconds(1),
    beforeClose: Effect.void,
    onClose: Effect.void
  })
  return { direct: yield* session(direct.port), connect: yield* session(connect.port) }
})

describe("A unary call", () => {
  for (const [name, request] of Object.entries(requests)) {
    it.live(`is answered as by connect: ${name}`, () =>
      Effect.gen(function*() {
        const { connect, direct } = yield* both
        const ours = yield* exchange(direct, request)

        assert.deepStrictEqual(ours, yield* exchange(connect, request))
      }))
  }

  it.live("has the events in its answer, as they are and compressed", () =>
    Effect.gen(function*() {
      const { direct } = yield* both
      const plain = yield* exchange(direct, { chunks: [events] })
      const zipped = yield* exchange(direct, { chunks: [events], headers: { "grpc-accept-encoding": "gzip" } })

      const { eventPayloads } = fromBinary(GetEventsResponseSchema, plain.body.subarray(5))
      assert.deepStrictEqual(eventPayloads, inForce)
      assert.deepStrictEqual([plain.body[0], zipped.body[0]], [0, 1])
      assert.deepStrictEqual(gunzipSync(zipped.body.subarray(5)), plain.body.subarray(5))
    }))

  it.live("that its caller gives up is interrupted, and the server goes on", () => {
    let interrupted = 0
    let begun = 0
    const snapshot = Effect.onInterrupt(
      Effect.andThen(Effect.sync(() => begun++), Effect.never),
      () => Effect.sync(() => interrupted++)
    )
    const until = (condition: () => boolean) =>
      Effect.repeat(Effect.sleep("5 millis"), { until: condition }).pipe(Effect.timeout("5 seconds"))
    return Effect.gen(function*() {
      const { port } = yield* serve({ events: { snapshot } })
      const client = yield* session(port)
      const given = client.request({
        ":method": "POST",
        ":path": "/connector.v1.ConnectorService/GetEvents",
        "content-type": "application/grpc"
      })
      given.on("error", () => {})
      given.end(events)
      yield* until(() => begun === 1)
      given.close(http2.constants.NGHTTP2_CANCEL)
      yield* until(() => interrupted === 1)
      const late = yield* exchange(client, { chunks: [events], headers: { "grpc-timeout": "50m" } })

      assert.strictEqual(late.trailers["grpc-status"], "4")
      assert.strictEqual(interrupted, 2)
    })
  })
})
