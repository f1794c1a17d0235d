import { create } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { Events } from "@kps/events"
import {
  GetEventsRequestSchema,
  GetPayloadRequestSchema,
  type Payload,
  PayloadKind,
  SetPayloadRequestSchema,
  StreamDirection
} from "@kps/idl"
import { Deferred, Duration, Effect, Fiber, Layer } from "effect"
import * as ConnectorService from "../src/ConnectorService.ts"
import { type GetPayloadError, precedence, type SetPayloadError } from "../src/ContractError.ts"
import * as Health from "../src/Health.ts"
import * as Options from "../src/Options.ts"
import type { StreamFailure } from "../src/StreamSpec.ts"
import { FakeStreams } from "./support/FakeStreams.ts"
import { config, Sample, sampleLayer, stream } from "./support/SampleConnector.ts"

const setUp = Effect.fnUntraced(function*(
  options: Partial<Options.Options> = {},
  discover?: Parameters<typeof sampleLayer>[0]
) {
  const streams = new FakeStreams()
  const health = yield* Health.make
  const context = yield* Layer.build(Layer.mergeAll(streams.layer, Events.layer, sampleLayer(discover)))
  const service = yield* ConnectorService.make(Sample, Options.resolve({ connectorId: "c-1", ...options }), health)
    .pipe(
      Effect.provideContext(context)
    )
  const get = (kind: number, connectorId = "c-1") =>
    service.getPayload(create(GetPayloadRequestSchema, { connectorId, kind: kind as PayloadKind }))
  const set = (payloads: ReadonlyArray<Payload>, call?: ConnectorService.Call) =>
    service.setPayload(create(SetPayloadRequestSchema, { connectorId: "c-1", payloads: [...payloads] }), call)
  const listed = Effect.map(
    get(PayloadKind.STREAM),
    (payloads) => payloads.flatMap(({ object }) => object.case === "stream" ? [object.value] : [])
  )
  const configNow = Effect.map(
    get(PayloadKind.CONFIG),
    (payloads) => payloads.map(({ object }) => object.case === "config" ? object.value.metadata : undefined)
  )
  return { service, streams, health, get, set, listed, configNow }
})

const unavailable: StreamFailure = { tag: "Away", code: "UNAVAILABLE", message: "away", retryInMillis: 250 }

describe("ConnectorService", () => {
  describe("any call", () => {
    it.effect("is refused for another connector, with both ids, on all three", () =>
      Effect.gen(function*() {
        const { service, streams } = yield* setUp()
        const calls: ReadonlyArray<Effect.Effect<unknown, GetPayloadError | SetPayloadError>> = [
          service.getPayload(create(GetPayloadRequestSchema, { connectorId: "c-2", kind: PayloadKind.STREAM })),
          service.setPayload(create(SetPayloadRequestSchema, { connectorId: "c-2", payloads: [stream()] })),
          service.getEvents(create(GetEventsRequestSchema, { connectorId: "c-2" }))
        ]
        for (const call of calls) {
          const error = yield* Effect.flip(Effect.asVoid(call))
          assert.strictEqual(error._tag, "WrongConnectorId")
          assert.strictEqual(error.message, "want connector_id \"c-1\", got \"c-2\"")
        }
        assert.deepStrictEqual(streams.log, [])
      }))

    it.effect("cuts an id that it echoes", () =>
      Effect.gen(function*() {
        const { get } = yield* setUp()
        const error = yield* Effect.flip(get(PayloadKind.STREAM, "x".repeat(5 << 20)))

        assert.strictEqual(error.message, `want connector_id "c-1", got "${"x".repeat(200)}…"`)
      }))
  })

  describe("getPayload", () => {
    it.effect("refuses a kind that is none, by its number", () =>
      Effect.gen(function*() {
        const { get } = yield* setUp()

        assert.strictEqual(
          (yield* Effect.flip(get(0))).message,
          "want kind PAYLOAD_KIND_STREAM or PAYLOAD_KIND_CONFIG, got PAYLOAD_KIND_UNSPECIFIED"
        )
        assert.strictEqual(
          (yield* Effect.flip(get(7))).message,
          "want kind PAYLOAD_KIND_STREAM or PAYLOAD_KIND_CONFIG, got 7"
        )
      }))

    it.effect("gives exactly one config with defaults before any was set, and no streams", () =>
      Effect.gen(function*() {
        const { configNow, listed } = yield* setUp()

        assert.deepStrictEqual(yield* configNow, [{ level: "INFO" }])
        assert.deepStrictEqual(yield* listed, [])
      }))

    it.effect("says of each stream whether it runs, and with what, secrets hidden", () =>
      Effect.gen(function*() {
        const { listed, set, streams } = yield* setUp()
        streams.failures.set("b", unavailable)
        yield* Effect.ignore(set([
          stream({ id: "a", metadata: { subject: "x", password: "canary" } }),
          stream({ id: "b", direction: StreamDirection.EGRESS, transportChannel: "d" })
        ]))

        assert.deepStrictEqual(
          (yield* listed).map(({ $typeName: _, ...value }) => value),
          [
            {
              id: "a",
              subscribed: true,
              discovered: false,
              direction: StreamDirection.INGRESS,
              transportChannel: "c",
              metadata: { subject: "x", queue: "none", password: "<redacted>" }
            },
            {
              id: "b",
              subscribed: false,
              discovered: false,
              direction: StreamDirection.EGRESS,
              transportChannel: "d",
              metadata: { subject: "a", queue: "none" }
            }
          ]
        )
      }))

    it.effect("lists what is on offer once: under the requested id, or its own", () =>
      Effect.gen(function*() {
        const offer = (id: string, subject: string) =>
          ({ id, direction: "INGRESS", parameters: { subject, queue: "none" } }) as const
        const { listed, set } = yield* setUp(
          {},
          Effect.succeed([offer("a", "1"), offer("b", "2"), offer("c", "3")])
        )
        const flags = Effect.map(listed, (streams) =>
          streams.map(({ discovered, id, subscribed }) => `${id} ${subscribed} ${discovered}`))

        assert.deepStrictEqual(yield* flags, ["a false true", "b false true", "c false true"])
        yield* set([
          stream({ id: "a", metadata: { subject: "other" } }),
          stream({ id: "mine", metadata: { subject: "2" } }),
          stream({ id: "own", metadata: { subject: "9" } })
        ])
        assert.deepStrictEqual(yield* flags, ["a true true", "mine true true", "own true false", "c false true"])
      }))

    it.effect("does not wait for discover longer than the caller waits", () =>
      Effect.gen(function*() {
        const { service, set } = yield* setUp({}, Effect.never)
        yield* set([stream()])

        const payloads = yield* service.getPayload(
          create(GetPayloadRequestSchema, { connectorId: "c-1", kind: PayloadKind.STREAM }),
          { patience: Duration.millis(100) }
        )

        assert.lengthOf(payloads, 1)
      }))
  })

  describe("setPayload", () => {
    it.effect("applies the config before the streams", () =>
      Effect.gen(function*() {
        const { configNow, set, streams } = yield* setUp()
        let seen: unknown
        streams.hold = Effect.orDie(Effect.map(configNow, (config) => void (seen = config)))

        yield* set([stream(), config({ level: "DEBUG" })])

        assert.deepStrictEqual(seen, [{ level: "DEBUG" }])
      }))

    it.effect("changes nothing when anything is wrong, in streams or config", () =>
      Effect.gen(function*() {
        const { configNow, listed, set, streams } = yield* setUp()
        yield* set([stream({ id: "a" })])
        const before = yield* listed

        const error = yield* Effect.flip(set([stream({ id: "b" }), config({ level: "DEBUG" }), stream({ id: "" })]))
        assert.strictEqual(error._tag, "InvalidPayloads")
        assert.strictEqual(
          error.message,
          "1 violation: payloads[2].stream.id: expected an id of 1 to 255 characters, got \"\""
        )
        yield* Effect.flip(set([stream({ id: "b" }), config({ level: "LOUD" })]))

        assert.deepStrictEqual(yield* listed, before)
        assert.deepStrictEqual(yield* configNow, [{ level: "INFO" }])
        assert.deepStrictEqual(streams.log, ["apply a"])
      }))

    it.effect("tells the first violations in its message, and how many there are", () =>
      Effect.gen(function*() {
        const { set } = yield* setUp()
        const error = yield* Effect.flip(set(Array.from({ length: 7 }, () => stream({ id: "" }))))

        assert.match(error.message, /^7 violations: payloads\[0\].*payloads\[1\].*payloads\[2\].*; and 4 more$/)
      }))

    it.effect("leaves streams alone for config alone, and config alone for streams", () =>
      Effect.gen(function*() {
        const { configNow, set, streams } = yield* setUp()
        yield* set([config({ password: "p" })])
        yield* set([stream({ id: "a" })])
        yield* set([])

        assert.deepStrictEqual(streams.log, ["apply a", "apply "])
        assert.deepStrictEqual(yield* configNow, [{ level: "INFO", password: "<redacted>" }])
      }))

    it.effect("replaces the streams by every request in replaceAll, as the original does", () =>
      Effect.gen(function*() {
        const { set, streams } = yield* setUp({ setPayload: "replaceAll" })
        yield* set([stream({ id: "a" })])
        yield* set([config({ password: "p" })])

        assert.deepStrictEqual(streams.log, ["apply a", "apply "])
      }))

    it.effect("restarts streams when restartOn asks for it: all of them, or those of the same request", () =>
      Effect.gen(function*() {
        const { set, streams } = yield* setUp()
        yield* set([stream({ id: "a" })])
        yield* set([config({ password: "p" })])
        yield* set([config({ level: "DEBUG" })])
        yield* set([config({ level: "INFO" }), stream({ id: "a" }), stream({ id: "b" })])

        assert.deepStrictEqual(streams.log, ["apply a", "restart", "apply restart a,b"])
      }))

    it.effect("reports streams that a restart did not bring back", () =>
      Effect.gen(function*() {
        const { set, streams } = yield* setUp()
        yield* set([stream({ id: "a" })])
        streams.failures.set("a", unavailable)

        assert.strictEqual((yield* Effect.flip(set([config({ level: "DEBUG" })])))._tag, "StreamsFailed")
      }))

    it.effect("fails with every stream that does not run, and the gravest code", () =>
      Effect.gen(function*() {
        const { set, streams } = yield* setUp()
        streams.failures.set("a", unavailable)
        streams.failures.set("c", { tag: "Denied", code: "PERMISSION_DENIED", message: "no" })

        const error = yield* Effect.flip(set([stream({ id: "a" }), stream({ id: "b" }), stream({ id: "c" })]))

        assert(error._tag === "StreamsFailed")
        assert.strictEqual(error.code, "PERMISSION_DENIED")
        assert.strictEqual(
          error.message,
          "2 of 3 streams do not run: \"a\": UNAVAILABLE: away; \"c\": PERMISSION_DENIED: no"
        )
        assert.deepStrictEqual(error.failed.map(({ streamId }) => streamId), ["a", "c"])
      }))

    it.effect("takes the code of several failures in the order of the contract, whatever the order of streams", () =>
      Effect.gen(function*() {
        for (const [index, code] of precedence.entries()) {
          const { set, streams } = yield* setUp()
          for (const [at, worse] of precedence.slice(index).toReversed().entries()) {
            streams.failures.set(String(at), { tag: "T", code: worse, message: "m" })
          }
          const error = yield* Effect.flip(
            set([...streams.failures.keys()].map((id) => stream({ id })))
          )

          assert(error._tag === "StreamsFailed")
          assert.strictEqual(error.code, code)
        }
      }))

    it.effect("takes turns: of eight at once the result is one, whole", () =>
      Effect.gen(function*() {
        const { configNow, listed, set, streams } = yield* setUp()
        streams.hold = Effect.yieldNow
        const requests = Array.from({ length: 8 }, (_, n) => [
          config({ password: String(n), level: n % 2 === 0 ? "INFO" : "DEBUG" }),
          ...Array.from({ length: n + 1 }, (_, m) => stream({ id: `${n}-${m}`, metadata: { subject: String(n) } }))
        ])

        yield* Effect.forEach(requests, (request) => set(request), { concurrency: "unbounded", discard: true })

        const ids = (yield* listed).map(({ id }) => id)
        const winner = Number(ids[0]?.split("-")[0])
        assert.deepStrictEqual(ids, Array.from({ length: winner + 1 }, (_, m) => `${winner}-${m}`))
        assert.deepStrictEqual(yield* configNow, [{
          level: winner % 2 === 0 ? "INFO" : "DEBUG",
          password: "<redacted>"
        }])
        assert.strictEqual(streams.mostActive, 1)
        assert.lengthOf(streams.log, 8)
      }))

    it.effect("drops a call that is cancelled while it waits for its turn", () =>
      Effect.gen(function*() {
        const { set, streams } = yield* setUp()
        const latch = yield* Deferred.make<void>()
        streams.hold = Deferred.await(latch)
        const first = yield* Effect.forkChild(set([stream({ id: "a" })]), { startImmediately: true })
        const queued = yield* Effect.forkChild(set([stream({ id: "b" })]), { startImmediately: true })
        const last = yield* Effect.forkChild(set([stream({ id: "c" })]), { startImmediately: true })

        yield* Fiber.interrupt(queued)
        yield* Deferred.succeed(latch, undefined)
        yield* Fiber.join(first)
        yield* Fiber.join(last)

        assert.deepStrictEqual(streams.log, ["apply a", "apply c"])
      }))

    it.effect("goes on to the end once it is applied, though its caller gave up, and holds its turn till then", () =>
      Effect.gen(function*() {
        const { set, streams } = yield* setUp()
        const latch = yield* Deferred.make<void>()
        let finished = false
        streams.hold = Effect.andThen(Deferred.await(latch), Effect.sync(() => void (finished = true)))
        const call = yield* Effect.forkChild(set([stream({ id: "a" })]), { startImmediately: true })
        yield* Effect.yieldNow
        call.interruptUnsafe()
        const next = yield* Effect.forkChild(set([stream({ id: "b" })]), { startImmediately: true })
        yield* Effect.yieldNow
        assert.deepStrictEqual(streams.log, ["apply a"])

        yield* Deferred.succeed(latch, undefined)
        yield* Fiber.join(next)

        assert.isTrue(finished)
        assert.deepStrictEqual(streams.log, ["apply a", "apply b"])
      }))

    it.effect("waits for streams as long as startTimeout says, or as the caller waits less 100 milliseconds", () =>
      Effect.gen(function*() {
        const timeouts: Array<number> = []
        const { set, streams } = yield* setUp({ startTimeout: "3 seconds" })
        const apply = streams.service.apply
        Object.assign(streams.service, {
          apply: (specs: never, options: { readonly timeout: Duration.Input }) => {
            timeouts.push(Duration.toMillis(options.timeout))
            return apply(specs, options)
          }
        })

        yield* set([stream()])
        yield* set([stream()], { patience: Duration.seconds(10) })
        yield* set([stream()], { patience: Duration.seconds(1) })
        yield* set([stream()], { patience: Duration.millis(50) })

        assert.deepStrictEqual(timeouts, [3000, 3000, 900, 0])
      }))

    it.effect("is refused while draining, those that wait for their turn too; reading goes on", () =>
      Effect.gen(function*() {
        const { configNow, health, listed, service, set, streams } = yield* setUp()
        streams.hold = Deferred.await(streams.drained)
        const applying = yield* Effect.forkChild(set([stream({ id: "a" })]), { startImmediately: true })
        yield* Effect.yieldNow
        const queued = yield* Effect.forkChild(Effect.flip(set([])), { startImmediately: true })

        yield* Effect.all([service.drain, service.drain], { concurrency: 2 })

        yield* Fiber.join(applying)
        assert.strictEqual((yield* Fiber.join(queued))._tag, "ShuttingDown")
        assert.strictEqual((yield* Effect.flip(set([])))._tag, "ShuttingDown")
        assert.deepStrictEqual(streams.log, ["apply a", "drain"])
        assert.strictEqual(yield* health.phase, "Draining")
        assert.lengthOf(yield* listed, 1)
        assert.lengthOf(yield* configNow, 1)
        assert.deepStrictEqual(
          yield* service.getEvents(create(GetEventsRequestSchema, { connectorId: "c-1" })),
          []
        )
      }))
  })
})
