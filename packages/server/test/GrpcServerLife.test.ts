import { assert, describe, it } from "@effect/vitest"
import { ResponseCode } from "@kps/idl"
import { Deferred, Duration, Effect, Exit, Fiber, Queue, Schedule, Scope } from "effect"
import * as GrpcServer from "../src/GrpcServer.ts"
import { FakeStreams } from "./support/FakeStreams.ts"
import { GrpcCaller } from "./support/GrpcCaller.ts"
import { alertsOf, configOf, set, streamsOf } from "./support/GrpcCalls.ts"
import { stream } from "./support/SampleConnector.ts"
import { serve } from "./support/TestServer.ts"

/** Waits, at most two seconds, until a thing is so. */
const until = (condition: () => boolean) =>
  Effect.repeat(Effect.sync(condition), { until: (met) => met, schedule: Schedule.spaced("10 millis") }).pipe(
    Effect.timeout("2 seconds")
  )

describe("a server as a process has it, called by @grpc/grpc-js", () => {
  describe("health", () => {
    const SERVING = 1
    const NOT_SERVING = 2

    it.live("says NOT_SERVING until the broker was there, SERVING from then on, also when it is away again", () =>
      Effect.gen(function*() {
        const { broker, caller } = yield* serve({ brokerAway: true })
        const watch = yield* caller.watch()
        assert.strictEqual(yield* Queue.take(watch), "NOT_SERVING")
        assert.strictEqual(yield* caller.check("connector.v1.ConnectorService"), NOT_SERVING)
        assert.deepStrictEqual(yield* configOf(caller), [{ level: "INFO" }])
        assert.deepStrictEqual(yield* alertsOf(caller), ["transportDisconnected SEVERITY_CRITICAL"])

        yield* broker.reconnect
        assert.strictEqual(yield* Queue.take(watch), "SERVING")
        assert.strictEqual(yield* caller.check(), SERVING)
        assert.strictEqual(yield* caller.check("connector.v1.ConnectorService"), SERVING)

        assert.deepStrictEqual(yield* alertsOf(caller), ["transportDisconnected SEVERITY_INFO"])

        yield* broker.disconnect
        assert.strictEqual(yield* caller.check(), SERVING)
        assert.deepStrictEqual(yield* alertsOf(caller), ["transportDisconnected SEVERITY_CRITICAL"])
      }))

    it.live("does not know other services: NOT_FOUND, and SERVICE_UNKNOWN for a Watch", () =>
      Effect.gen(function*() {
        const { caller } = yield* serve()

        assert.strictEqual((yield* Effect.flip(caller.check("x"))).code, 5)
        const watch = yield* caller.watch("x")
        assert.strictEqual(yield* Queue.take(watch), "SERVICE_UNKNOWN")
      }))

    it.live("says NOT_SERVING before anything else ends, and ends a Watch only with the server", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const latch = yield* Deferred.make<void>()
        const fake = new FakeStreams()
        Object.assign(fake.service, { drain: () => Deferred.await(latch) })
        const { port } = yield* Effect.provideService(serve({ fake }), Scope.Scope, scope)
        const caller = yield* GrpcCaller.make(port)
        const watch = yield* caller.watch("connector.v1.ConnectorService")
        assert.strictEqual(yield* Queue.take(watch), "SERVING")

        const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
        assert.strictEqual(yield* Queue.take(watch), "NOT_SERVING")
        assert.strictEqual(yield* caller.check(), NOT_SERVING)
        assert.strictEqual((yield* set(caller, [stream()]))?.code, ResponseCode.UNAVAILABLE)
        assert.deepStrictEqual(yield* streamsOf(caller), [])

        yield* Deferred.succeed(latch, undefined)
        assert.strictEqual(yield* Queue.take(watch), "ended 0")
        yield* Fiber.join(closing)
      }))
  })

  describe("an address that cannot be had is a typed error that names it", () => {
    const refused = (options: { readonly host?: string; readonly port?: number }) =>
      Effect.flip(GrpcServer.make({
        host: "127.0.0.1",
        port: 0,
        routes: (router) => router,
        gracePeriod: Duration.seconds(1),
        beforeClose: Effect.void,
        onClose: Effect.void,
        ...options
      }))

    it.live("a port in use, which is free again when its server has ended", () =>
      Effect.gen(function*() {
        const { port } = yield* Effect.scoped(Effect.gen(function*() {
          const { port } = yield* serve()
          const error = yield* refused({ port })
          assert.strictEqual(error._tag, "ListenFailed")
          assert.strictEqual(error.message, `cannot listen on 127.0.0.1:${port}: the port is in use`)
          return { port }
        }))

        yield* serve({ port })
      }))

    it.live("a host that is none, an address of another machine, a port that is none", () =>
      Effect.gen(function*() {
        assert.match((yield* refused({ host: "host.invalid" })).message, /^cannot listen on host\.invalid:0: /)
        assert.strictEqual(
          (yield* refused({ host: "192.0.2.1" })).message,
          "cannot listen on 192.0.2.1:0: this machine has no such address"
        )
        assert.strictEqual(
          (yield* refused({ port: 70_000 })).message,
          "cannot listen on 127.0.0.1:70000: a port is between 0 and 65535"
        )
      }))
  })

  describe("the end", () => {
    it.live("lets a call in flight finish, and takes no new connection", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { port } = yield* Effect.provideService(
          serve({ discover: Effect.delay(Effect.succeed([]), "400 millis") }),
          Scope.Scope,
          scope
        )
        const caller = yield* GrpcCaller.make(port)
        const call = yield* Effect.forkChild(streamsOf(caller), { startImmediately: true })
        yield* Effect.sleep("100 millis")

        const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
        assert.deepStrictEqual(yield* Fiber.join(call), [])
        assert.isBelow(Duration.toMillis(took), 2000)
        const late = yield* GrpcCaller.make(port)
        assert.strictEqual((yield* Effect.flip(late.check())).code, 14)
      }))

    it.live("does not wait longer than the grace period, and answers what is left", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { port } = yield* Effect.provideService(
          serve({ discover: Effect.uninterruptible(Effect.never), gracePeriod: "300 millis" }),
          Scope.Scope,
          scope
        )
        const caller = yield* GrpcCaller.make(port)
        const call = yield* Effect.forkChild(Effect.flip(streamsOf(caller)), { startImmediately: true })
        yield* Effect.sleep("100 millis")

        const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
        const { code, text } = yield* Fiber.join(call)
        assert.strictEqual(code, 14)
        assert.strictEqual(text, "the connector is shutting down")
        assert.isAtLeast(Duration.toMillis(took), 290)
        assert.isBelow(Duration.toMillis(took), 1500)
      }))

    it.live("lets a SetPayload that is being applied finish", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const fake = new FakeStreams()
        fake.hold = Effect.delay(Deferred.await(fake.drained), "100 millis")
        const { port } = yield* Effect.provideService(serve({ fake }), Scope.Scope, scope)
        const caller = yield* GrpcCaller.make(port)
        const call = yield* Effect.forkChild(set(caller, [stream()]), { startImmediately: true })
        yield* until(() => fake.active === 1)

        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* Fiber.join(call))?.code, 1)
        assert.deepStrictEqual(fake.log, ["apply s", "drain"])
      }))
  })
})
