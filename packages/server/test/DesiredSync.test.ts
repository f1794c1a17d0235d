import { create } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { Events } from "@kps/events"
import {
  GetPayloadRequestSchema,
  type Payload,
  PayloadKind,
  SetPayloadRequestSchema,
  State,
  type Stream as StreamMessage
} from "@kps/idl"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Option, Result, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Bucket from "../src/Bucket.ts"
import * as ConnectorService from "../src/ConnectorService.ts"
import * as DesiredState from "../src/DesiredState.ts"
import * as Health from "../src/Health.ts"
import * as Key from "../src/Key.ts"
import * as Options from "../src/Options.ts"
import { settle } from "./streams.ts"
import { FakeStreams } from "./support/FakeStreams.ts"
import { Plug } from "./support/Plug.ts"
import { config, Sample, sampleLayer, stream } from "./support/SampleConnector.ts"

/** One replica of "c-1" whose state is kept in the buckets. */
const replica = Effect.fnUntraced(function*(buckets: Bucket.Buckets["Service"]) {
  const streams = new FakeStreams()
  const plug = new Plug(buckets)
  const context = yield* Layer.build(Layer.mergeAll(
    streams.layer,
    Events.layer,
    sampleLayer(),
    Layer.succeed(DesiredState.DesiredState, DesiredState.make(plug.buckets))
  ))
  const service = yield* ConnectorService.make(Sample, Options.resolve({ connectorId: "c-1" }), yield* Health.make)
    .pipe(Effect.provideContext(context))
  const get = (kind: PayloadKind) => service.getPayload(create(GetPayloadRequestSchema, { connectorId: "c-1", kind }))
  const alerts = Effect.map(
    Events.Events.use((events) => events.snapshot),
    (all) =>
      all.flatMap(({ object }) =>
        object.case === "alert" && object.value.state !== State.HEALTHY
          ? [{
            what: `${object.value.id} of "${object.value.streamId}"`,
            why: JSON.stringify(object.value.metadata?.["ErrorMessage"])
          }]
          : []
      )
  )
  return {
    streams,
    plug,
    set: (...payloads: ReadonlyArray<Payload>) =>
      service.setPayload(create(SetPayloadRequestSchema, { connectorId: "c-1", payloads: [...payloads] })),
    listed: Effect.map(
      get(PayloadKind.STREAM),
      (payloads) => payloads.map(({ object }) => (object.value as StreamMessage).id)
    ),
    configNow: Effect.map(get(PayloadKind.CONFIG), (payloads) => payloads[0]?.object.value?.metadata),
    alerts: Effect.provideContext(alerts, context)
  }
})

const buckets = Effect.map(Layer.build(Bucket.layerMemory), Context.get(Bucket.Buckets))

describe("DesiredSync", () => {
  it.effect("applies on every replica what one of them was asked for, streams and config", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const [one, other] = yield* Effect.all([replica(shared), replica(shared)])
      yield* one.set(stream({ id: "b" }), config({ level: "DEBUG" }), stream({ id: "a" }))
      yield* settle

      assert.deepStrictEqual(yield* other.listed, ["b", "a"])
      assert.deepStrictEqual(yield* other.configNow, { level: "DEBUG" })
      yield* other.set()
      yield* settle
      assert.deepStrictEqual(yield* one.listed, [])
      assert.deepStrictEqual(yield* one.configNow, { level: "DEBUG" })
      assert.deepStrictEqual(one.streams.log, ["apply restart b,a", "apply "])
    }))

  it.effect("merges the config over what another replica was given, and keeps streams that it was given", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const [one, other] = yield* Effect.all([replica(shared), replica(shared)])
      yield* one.set(stream({ id: "a" }), config({ level: "DEBUG" }))
      yield* other.set(config({ password: "p" }))
      yield* settle

      for (const { configNow, listed } of [one, other]) {
        assert.deepStrictEqual(yield* configNow, { level: "DEBUG", password: "<redacted>" })
        assert.deepStrictEqual(yield* listed, ["a"])
      }
    }))

  it.effect("ends as one of two requests at the same time, whole, on both replicas", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const [one, other] = yield* Effect.all([replica(shared), replica(shared)])
      for (let round = 0; round < 20; round++) {
        const results = yield* Effect.all([
          Effect.result(one.set(stream({ id: "a" }), stream({ id: `a${round}` }))),
          Effect.result(other.set(stream({ id: "b" }), stream({ id: `b${round}` }), stream({ id: "c" })))
        ], { concurrency: "unbounded" })
        yield* settle
        const listed = yield* Effect.all([one.listed, other.listed])

        assert.isTrue(results.every(Result.isSuccess))
        assert.deepStrictEqual(listed[0], listed[1])
        assert.include([`a,a${round}`, `b,b${round},c`], listed[0].join())
      }
    }))

  it.effect("resumes what was asked for before it was restarted", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const life = yield* Scope.make()
      const before = yield* Scope.provide(replica(shared), life)
      yield* before.set(stream({ id: "a", metadata: { subject: "x", password: "canary" } }), config({ level: "DEBUG" }))
      yield* Scope.close(life, Exit.void)
      const after = yield* replica(shared)

      assert.deepStrictEqual(yield* after.listed, ["a"])
      assert.deepStrictEqual(yield* after.configNow, { level: "DEBUG" })
      assert.deepStrictEqual(after.streams.specs.map(({ metadata }) => metadata), [
        { subject: "x", queue: "none", password: "<redacted>" }
      ])
      assert.deepStrictEqual(yield* after.alerts, [])
    }))

  it.effect("runs what still fits after an upgrade, and tells of each stream and config that does not", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      // As an earlier version of the class took it.
      const old = (id: string, metadata: Record<string, string>) => {
        const { object } = stream({ id, metadata })
        return object.value as StreamMessage
      }
      yield* DesiredState.make(shared).set("c-1", {
        config: { level: "LOUD" },
        streams: [old("a", { subject: "x" }), old("b", { topic: "x" }), old("c", { subject: "y" })]
      }, 0)
      const one = yield* replica(shared)
      yield* settle

      assert.deepStrictEqual(yield* one.listed, ["a", "c"])
      assert.deepStrictEqual(yield* one.configNow, { level: "INFO" })
      const alerts = yield* one.alerts
      assert.deepStrictEqual(alerts.map(({ what }) => what), ["streamRefused of \"b\"", "configRefused of \"\""])
      assert.include(alerts[0]?.why, "streams[1].metadata.subject")
      assert.include(alerts[1]?.why, "config.level")
      yield* one.set(config({ level: "DEBUG" }))
      assert.deepStrictEqual((yield* one.alerts).map(({ what }) => what), ["streamRefused of \"b\""])
      yield* one.set(stream({ id: "b" }))
      assert.deepStrictEqual(yield* one.alerts, [])
      assert.deepStrictEqual(yield* one.listed, ["b"])
    }))

  it.effect("goes on with what it has, and says so, when what is kept cannot be read", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const one = yield* replica(shared)
      yield* one.set(stream({ id: "a" }))
      const bucket = shared.open("desired")
      const key = Key.make("desired", "c-1")
      const { revision, value } = Option.getOrThrow(yield* bucket.get(key))
      const next = yield* bucket.put(key, new TextEncoder().encode("{\"version\":2,\"value\":{}}"), revision)
      yield* settle

      assert.deepStrictEqual(yield* one.listed, ["a"])
      assert.deepStrictEqual((yield* one.alerts).map(({ what }) => what), ["stateUnreadable of \"\""])
      const refused = yield* Effect.flip(one.set(stream({ id: "b" })))
      assert.deepStrictEqual([refused._tag, "code" in refused && refused.code], ["StateFailed", "FAILED_PRECONDITION"])
      assert.deepStrictEqual(yield* one.listed, ["a"])
      yield* bucket.put(key, value, next)
      yield* settle
      assert.deepStrictEqual(yield* one.alerts, [])
    }))

  it.effect("changes nothing when it cannot be kept", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const one = yield* replica(shared)
      yield* one.set(stream({ id: "a" }))
      yield* one.plug.pull
      const error = yield* Effect.flip(one.set(stream({ id: "b" })))
      yield* one.plug.push

      assert.deepStrictEqual([error._tag, "code" in error && error.code], ["StateFailed", "UNAVAILABLE"])
      assert.deepStrictEqual(yield* one.listed, ["a"])
      yield* one.set(stream({ id: "b" }))
      assert.deepStrictEqual(yield* one.listed, ["b"])
    }))

  it.effect("keeps it again when it was lost there, and does not take that for a wish", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const one = yield* replica(shared)
      yield* one.set(stream({ id: "a" }))
      yield* shared.open("desired").remove(Key.make("desired", "c-1"))
      yield* settle

      assert.deepStrictEqual(yield* one.listed, ["a"])
      const again = yield* replica(shared)
      assert.deepStrictEqual(yield* again.listed, ["a"])
    }))

  it.effect("keeps it again also where nothing is heard of the loss, as of a broker's disk", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const one = yield* replica(shared)
      yield* one.set(stream({ id: "a" }))
      yield* settle
      yield* one.plug.deafen
      yield* shared.open("desired").remove(Key.make("desired", "c-1"))
      yield* TestClock.adjust("10 seconds")

      const again = yield* replica(shared)
      assert.deepStrictEqual(yield* again.listed, ["a"])
    }))

  it.effect("does not go back to what it heard of while it was applying what came after it", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const one = yield* replica(shared)
      const gate = Deferred.makeUnsafe<void>()
      one.streams.hold = Deferred.await(gate)
      // The second and the third have their turns before what is heard of the second has one.
      const all = yield* Effect.forEach(
        ["a", "b", "c"],
        (id) => Effect.tap(Effect.forkChild(one.set(stream({ id })), { startImmediately: true }), settle)
      )
      const second = Deferred.makeUnsafe<void>()
      one.streams.hold = Deferred.await(second)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
      one.streams.hold = Effect.void
      yield* Deferred.succeed(second, undefined)
      yield* Fiber.joinAll(all)
      yield* settle

      assert.deepStrictEqual(one.streams.log, ["apply a", "apply b", "apply c"])
      assert.deepStrictEqual(yield* one.listed, ["c"])
    }))

  it.effect("gives up a request when others write all the time", () =>
    Effect.gen(function*() {
      const shared = yield* buckets
      const store = DesiredState.make(shared)
      let writes = 0
      const busy: DesiredState.DesiredState["Service"] = {
        ...store,
        changes: () => Stream.never,
        set: (instance, desired, expected) =>
          Effect.andThen(
            store.set(instance, { config: { level: "DEBUG" }, streams: [] }, expected),
            store.set(instance, desired, expected)
          ).pipe(Effect.tapError(() => Effect.sync(() => writes++)))
      }
      const streams = new FakeStreams()
      const context = yield* Layer.build(Layer.mergeAll(
        streams.layer,
        Events.layer,
        sampleLayer(),
        Layer.succeed(DesiredState.DesiredState, busy)
      ))
      const service = yield* ConnectorService.make(Sample, Options.resolve({ connectorId: "c-1" }), yield* Health.make)
        .pipe(Effect.provideContext(context))
      const error = yield* Effect.flip(
        service.setPayload(create(SetPayloadRequestSchema, { connectorId: "c-1", payloads: [stream()] }))
      )

      assert.strictEqual(error.message, "what is wanted of \"c-1\" was changed 10 times while this request was written")
      assert.strictEqual(writes, 10)
    }))
})
