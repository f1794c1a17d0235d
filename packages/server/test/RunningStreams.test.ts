import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Event, Events } from "@kps/events"
import { Transport } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Deferred, Effect, Exit, Fiber, Latch, Layer, Metric, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import * as RunningStreams from "../src/RunningStreams.ts"
import {
  alerts,
  apply,
  bytes,
  channel,
  collect,
  Denied,
  egress,
  Fake,
  idle,
  implementation,
  layer,
  list,
  publish,
  settle,
  spec,
  stateOf,
  statsOf,
  statuses,
  told,
  until
} from "./streams.ts"

/** An opening that notes when it is opened and closed. */
const noting =
  (log: Array<string>) => (stream: { readonly id: string; readonly parameters: { readonly name: string } }) =>
    Effect.as(
      Effect.acquireRelease(
        Effect.sync(() => log.push(`open ${stream.id} ${stream.parameters.name}`)),
        () => Effect.sync(() => log.push(`close ${stream.id} ${stream.parameters.name}`))
      ),
      idle
    )

/** Bytes of the heap that are in use. */
const collected = () => {
  setFlagsFromString("--expose-gc")
  const collect: () => void = runInNewContext("gc")
  collect()
  return process.memoryUsage().heapUsed
}

describe("RunningStreams", () => {
  it.effect("starts what is new, restarts what changed, stops what is gone, leaves the rest alone", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* apply([spec("1"), spec("2"), spec("3")])), [
        "1 running",
        "2 running",
        "3 running"
      ])
      assert.deepStrictEqual(told(yield* apply([spec("3", { name: "b" }), spec("2")])), ["3 running", "2 running"])

      assert.deepStrictEqual(log.slice(0, 3), ["open 1 a", "open 2 a", "open 3 a"])
      assert.deepStrictEqual(log.slice(3).toSorted(), ["close 1 a", "close 3 a", "open 3 b"])
      assert.isBelow(log.indexOf("close 3 a"), log.indexOf("open 3 b"))
      assert.deepStrictEqual((yield* list).map(({ spec }) => spec.id), ["3", "2"])
    }).pipe(Effect.provide(layer({ ingress: noting(log) })))
  })

  it.effect("does nothing for a set that is in force, however often it is asked for", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("1"), spec("2")])
      for (let i = 0; i < 10; i++) {
        assert.deepStrictEqual(told(yield* apply([spec("1"), spec("2")])), ["1 running", "2 running"])
      }
      yield* settle

      assert.deepStrictEqual(log, ["open 1 a", "open 2 a"])
    }).pipe(Effect.provide(layer({ ingress: noting(log) })))
  })

  it.effect("restarts a stream whose channel or direction changed", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* apply([spec("1", { channel: "other" })])
      yield* apply([spec("1", { channel: "other", direction: "EGRESS" })])

      assert.deepStrictEqual(log, ["open 1 a", "close 1 a", "open 1 a", "close 1 a"])
      assert.strictEqual((yield* list)[0]?.spec.direction, "EGRESS")
    }).pipe(Effect.provide(layer({ ingress: noting(log) })))
  })

  it.effect("stops all for an empty set", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("1"), spec("2")])
      assert.deepStrictEqual(yield* apply([]), [])

      assert.deepStrictEqual(log.slice(2), ["close 1 a", "close 2 a"])
      assert.deepStrictEqual(yield* list, [])
    }).pipe(Effect.provide(layer({ ingress: noting(log) })))
  })

  it.effect("restarts all when asked to, and also with a set", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const streams = yield* RunningStreams.RunningStreams
      yield* apply([spec("1")])
      assert.deepStrictEqual(told(yield* streams.restart({ timeout: "1 second" })), ["1 running"])
      yield* streams.apply([spec("1"), spec("2")], { timeout: "1 second", restart: true })

      assert.deepStrictEqual(log.slice(0, 4), ["open 1 a", "close 1 a", "open 1 a", "close 1 a"])
      assert.deepStrictEqual(log.slice(4).toSorted(), ["open 1 a", "open 2 a"])
    }).pipe(Effect.provide(layer({ ingress: noting(log) })))
  })

  it.effect("runs the others when one of three cannot be opened, and tells the truth of each", () =>
    Effect.gen(function*() {
      const outcomes = yield* apply([spec("1"), spec("2"), spec("3")])

      assert.deepStrictEqual(told(outcomes), ["1 running", "2 PERMISSION_DENIED Denied", "3 running"])
      assert.deepStrictEqual((yield* list).map(({ state }) => state._tag), ["Running", "Halted", "Running"])
      assert.deepStrictEqual(yield* statuses, ["1 streamStarted", "2 streamHalted", "3 streamStarted"])
    }).pipe(Effect.provide(layer({
      ingress: ({ id }) => id === "2" ? new Denied({ message: "no" }) : Effect.succeed(idle)
    }))))

  it.effect("gives the hooks the stream as it was asked for, with the config", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      yield* apply([spec("1", { channel: "here", name: "n" })]).pipe(Effect.provide(layer({
        ingress: (stream) =>
          Effect.map(stream.config.get, (config) => {
            seen.push([stream.id, stream.channel, stream.parameters, config])
            return idle
          })
      })))

      assert.deepStrictEqual(seen, [["1", "here", { name: "n", tags: ["x"] }, {}]])
    }))

  it.effect("answers in time when an opening hangs, and starts the others meanwhile", () =>
    Effect.gen(function*() {
      const answer = yield* Effect.forkChild(apply([spec("1"), spec("2")], "3 seconds"))
      yield* settle
      assert.strictEqual(yield* stateOf("2"), "Running")
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(answer.pollUnsafe())
      yield* TestClock.adjust("1 millis")

      assert.deepStrictEqual(told(yield* Fiber.join(answer)), ["1 DEADLINE_EXCEEDED StartTimeout", "2 running"])
      assert.strictEqual(yield* stateOf("1"), "Starting")
    }).pipe(Effect.provide(layer({ ingress: ({ id }) => id === "1" ? Effect.never : Effect.succeed(idle) }))))

  it.effect("goes on with an opening that took longer than the answer could wait", () =>
    Effect.gen(function*() {
      const answer = yield* Effect.forkChild(apply([spec("1")], "3 seconds"))
      yield* settle
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(answer)
      yield* TestClock.adjust("7 seconds")
      yield* settle

      assert.strictEqual(yield* stateOf("1"), "Running")
    }).pipe(Effect.provide(layer({ ingress: () => Effect.as(Effect.sleep("10 seconds"), idle) }))))

  it.effect("answers in time to a caller that cannot be interrupted", () =>
    Effect.gen(function*() {
      const answer = yield* Effect.forkChild(Effect.uninterruptible(apply([spec("1")], "3 seconds")))
      yield* settle
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(told(yield* Fiber.join(answer)), ["1 DEADLINE_EXCEEDED StartTimeout"])

      const next = yield* Effect.forkChild(Effect.uninterruptible(apply([])))
      yield* settle
      assert.deepStrictEqual(told(yield* Fiber.join(next)), [])
    }).pipe(Effect.provide(layer({ ingress: () => Effect.never }))))

  it.effect("waits for finalizers no longer than it may, names the stream, and starts its successor when it has ended", () => {
    const log: Array<string> = []
    const release = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      yield* apply([spec("1"), spec("2")])
      const answer = yield* Effect.forkChild(apply([spec("1", { name: "b" }), spec("2")], "1 hour"))
      yield* settle
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(told(yield* Fiber.join(answer)), ["1 DEADLINE_EXCEEDED StopTimeout", "2 running"])
      assert.deepStrictEqual(log, ["open a", "open a"])
      assert.strictEqual(yield* stateOf("1"), "Starting")

      yield* Deferred.succeed(release, undefined)
      yield* until("the successor", () => log.length === 4)
      assert.deepStrictEqual(log, ["open a", "open a", "closed a", "open b"])
      assert.strictEqual(yield* stateOf("1"), "Running")
    }).pipe(Effect.provide(layer({
      ingress: ({ parameters: { name } }) =>
        Effect.as(
          Effect.acquireRelease(
            Effect.sync(() => log.push(`open ${name}`)),
            () => Effect.andThen(Deferred.await(release), Effect.sync(() => log.push(`closed ${name}`)))
          ),
          idle
        )
    })))
  })

  it.effect("lets nothing stand for ever that a removed stream said while it stopped", () => {
    let lastWord: Effect.Effect<void> = Effect.void
    return Effect.gen(function*() {
      const events = yield* Events.Events
      lastWord = events.raise(Event.alert("leftover", { message: "m", severity: "WARNING" }), { streamId: "1" })
      yield* apply([spec("1")])
      yield* settle
      yield* apply([])
      assert.include(yield* alerts, "leftover of 1 (WARNING)")

      yield* TestClock.adjust("31 seconds")
      assert.deepStrictEqual(yield* events.snapshot, [])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        // not at once, so that the stream counts as removed before
        Effect.as(Effect.addFinalizer(() => Effect.andThen(Effect.yieldNow, Effect.suspend(() => lastWord))), idle)
    })))
  })

  it.effect("names a removed stream that did not stop in time, and lets none of its successors overtake it", () => {
    const log: Array<string> = []
    const release = Deferred.makeUnsafe<void>()
    return Effect.gen(function*() {
      yield* apply([spec("1", { name: "a" })])
      const answer = yield* Effect.forkChild(apply([]))
      yield* settle
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(told(yield* Fiber.join(answer)), ["1 DEADLINE_EXCEEDED StopTimeout"])
      // twice changed while the first still ends: the second never starts
      for (const name of ["b", "c"]) {
        const next = yield* Effect.forkChild(apply([spec("1", { name })]))
        yield* settle
        yield* TestClock.adjust("2 seconds")
        assert.deepStrictEqual(told(yield* Fiber.join(next)), ["1 DEADLINE_EXCEEDED StopTimeout"])
      }
      assert.deepStrictEqual(log, ["open a"])

      yield* Deferred.succeed(release, undefined)
      yield* until("the last", () => log.includes("open c"))
      assert.deepStrictEqual(log, ["open a", "closed a", "open c"])
    }).pipe(Effect.provide(layer({
      ingress: ({ parameters: { name } }) =>
        Effect.as(
          Effect.acquireRelease(
            Effect.sync(() => log.push(`open ${name}`)),
            () =>
              name === "a"
                ? Effect.andThen(Deferred.await(release), Effect.sync(() => log.push(`closed ${name}`)))
                : Effect.void
          ),
          idle
        )
    }, { stopTimeout: "2 seconds" })))
  })

  it.effect("hears nothing more of a stopped stream whose code goes on", () => {
    const go = Deferred.makeUnsafe<void>()
    let ended = false
    return Effect.gen(function*() {
      const seen = yield* collect("ch.1")
      yield* apply([spec("1")])
      yield* until("the first", () => seen.length === 1)
      const answer = yield* Effect.forkChild(apply([], "1 second"))
      yield* settle
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told(yield* Fiber.join(answer)), ["1 DEADLINE_EXCEEDED StopTimeout"])

      yield* Deferred.succeed(go, undefined)
      yield* until("the end", () => ended)
      yield* settle
      assert.deepStrictEqual(seen, ["before"])
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.as(
          Effect.addFinalizer(() => Effect.sync(() => (ended = true))),
          Delivery.lossy(Stream.concat(
            Stream.make(bytes("before")),
            // swallows its interruption, and gives something afterwards
            Stream.fromEffect(Effect.exit(Effect.uninterruptible(Deferred.await(go)))).pipe(
              Stream.catchCause(() => Stream.empty),
              Stream.map(() => bytes("after"))
            )
          ))
        )
    })))
  })

  it.effect("waits for an opening longer than for a stop, if it may", () =>
    Effect.gen(function*() {
      const answer = yield* Effect.forkChild(apply([spec("1")], "10 seconds"))
      yield* settle
      yield* TestClock.adjust("8 seconds")

      assert.deepStrictEqual(told(yield* Fiber.join(answer)), ["1 running"])
    }).pipe(Effect.provide(layer({ ingress: () => Effect.as(Effect.sleep("8 seconds"), idle) }))))

  it.effect("does not start a halted stream again before all of it has ended", () => {
    const log: Array<string> = []
    const release = Latch.makeUnsafe()
    return Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a"])
      yield* until("halted", () => log.includes("unsubscribing"))
      assert.strictEqual(yield* stateOf("1"), "Halted")
      const answer = yield* Effect.forkChild(apply([egress("1")]))
      yield* settle
      assert.deepStrictEqual(log, ["open", "unsubscribing"])
      yield* release.open
      assert.deepStrictEqual(told(yield* Fiber.join(answer)), ["1 running"])
      assert.deepStrictEqual(log, ["open", "unsubscribing", "unsubscribed", "open"])
    }).pipe(Effect.provide(layer({
      egress: () =>
        Effect.sync(() => {
          log.push("open")
          return Delivery.sink({ idempotent: true, deliver: () => Effect.fail(new Denied({ message: "no" })) })
        })
    }, {
      over: (transport) => ({
        subscription: (channel, options) =>
          Effect.andThen(
            Effect.addFinalizer(() =>
              Effect.sync(() => log.push("unsubscribing")).pipe(
                Effect.andThen(release.await),
                Effect.andThen(Effect.sync(() => log.push("unsubscribed")))
              )
            ),
            transport.subscription(channel, options)
          )
      })
    })))
  })

  it.effect("keeps one set when eight callers apply at once", () => {
    const open = new Set<string>()
    return Effect.gen(function*() {
      const sets = Array.from(
        { length: 8 },
        (_, i) => Array.from({ length: 5 }, (_, j) => spec(`${j}`, { name: `${i}` }))
      )
      yield* Effect.forEach(sets, (specs) => apply(specs), { concurrency: "unbounded" })

      const names = (yield* list).map(({ spec }) => (spec.parameters as { readonly name: string }).name)
      assert.strictEqual(names.length, 5)
      assert.strictEqual(new Set(names).size, 1)
      yield* settle
      assert.deepStrictEqual(Array.from(open).toSorted(), [0, 1, 2, 3, 4].map((j) => `${j} ${names[0]}`))
    }).pipe(Effect.provide(layer({
      ingress: ({ id, parameters }) => {
        const key = `${id} ${parameters.name}`
        return Effect.as(
          Effect.acquireRelease(Effect.sync(() => open.add(key)), () => Effect.sync(() => open.delete(key))),
          idle
        )
      }
    })))
  })

  it.effect("tries a halted stream once more each time it is named", () => {
    let tries = 0
    return Effect.gen(function*() {
      const refused = ["1 PERMISSION_DENIED Denied"]
      assert.deepStrictEqual(told(yield* apply([spec("1")])), refused)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(tries, 1)
      assert.deepStrictEqual(told(yield* apply([spec("1")])), refused)
      assert.deepStrictEqual(told(yield* apply([spec("1")])), ["1 running"])
      assert.strictEqual(tries, 3)
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.suspend(() => ++tries < 3 ? Effect.fail(new Denied({ message: "no" })) : Effect.succeed(idle))
    })))
  })

  it.effect("counts over restarts, also when it comes back within five minutes, and afresh after that", () =>
    Effect.gen(function*() {
      yield* apply([egress("1")])
      yield* publish("ch.1", ["a", "b"])
      yield* settle
      yield* apply([egress("1", { name: "b" })])
      yield* publish("ch.1", ["c"])
      yield* settle
      assert.deepInclude(yield* statsOf("1"), { received: 3, delivered: 3 })

      yield* apply([])
      yield* TestClock.adjust("299 seconds")
      yield* apply([egress("1")])
      assert.deepInclude(yield* statsOf("1"), { received: 3, delivered: 3 })

      yield* apply([])
      yield* TestClock.adjust("5 minutes")
      yield* apply([egress("1")])
      assert.deepInclude(yield* statsOf("1"), { received: 0, delivered: 0 })
    }).pipe(Effect.provide(layer({}))))

  it.effect("stops everything when its layer is closed, and waits only so long", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        layer({
          ingress: (stream) =>
            Effect.andThen(
              Effect.addFinalizer(() => stream.id === "2" ? Effect.never : Effect.void),
              noting(log)(stream)
            )
        }),
        scope
      )
      yield* apply([spec("1"), spec("2")]).pipe(Effect.provide(context))
      const closed = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* settle
      assert.deepStrictEqual(log.slice(2), ["close 1 a", "close 2 a"])
      assert.isUndefined(closed.pollUnsafe())
      yield* TestClock.adjust("5 seconds")

      yield* Fiber.join(closed)
    })
  })

  it.effect("leaves no timer behind when its layer is closed", () =>
    Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      const transport = yield* Transport.Transport
      const events = yield* Events.Events
      yield* Effect.gen(function*() {
        yield* apply([egress("1")])
        yield* broker.inject(channel("ch.1"))
        yield* settle
      }).pipe(
        Effect.provide(Layer.provide(RunningStreams.layer(Fake), implementation({}))),
        Effect.provideService(Transport.Transport, transport),
        Effect.provideService(Events.Events, events)
      )
      assert.deepStrictEqual(yield* alerts, ["malformedFrame of 1 (WARNING)", "messageDeadLettered of 1 (CRITICAL)"])
      yield* TestClock.adjust("10 minutes")
      // nobody is left to end it
      assert.deepStrictEqual(yield* alerts, ["malformedFrame of 1 (WARNING)", "messageDeadLettered of 1 (CRITICAL)"])
    }).pipe(Effect.provide([TransportTest.layer, Events.layer])))

  it.effect("answers for 1,000 unchanged streams within 100 ms", () =>
    Effect.gen(function*() {
      const specs = () =>
        Array.from({ length: 1_000 }, (_, i) => spec(`${i}`, i % 2 === 0 ? {} : { direction: "EGRESS" }))
      const outcomes = yield* apply(specs())
      assert.isTrue(outcomes.every((outcome) => outcome._tag === "Running"))
      const times: Array<number> = []
      for (let i = 0; i < 5; i++) {
        const again = specs()
        const before = performance.now()
        yield* apply(again)
        times.push(performance.now() - before)
      }

      assert.isBelow(Math.min(...times), 100)
    }).pipe(Effect.provide(layer({}))))

  it.effect("leaves no fiber, subscription or timer behind after 1,000 cycles", () => {
    let open = 0
    let subscribed = 0
    let sleeping = 0
    let fibers = 0
    const counted = Layer.effect(
      Transport.Transport,
      Effect.map(Transport.Transport, (transport) =>
        Transport.Transport.of({
          ...transport,
          subscription: (channel, options) =>
            Effect.andThen(
              Effect.acquireRelease(Effect.sync(() => subscribed++), () => Effect.sync(() => subscribed--)),
              transport.subscription(channel, options)
            )
        }))
    ).pipe(Layer.provide(Transport.layerMemory))
    /** A timer of the author's. */
    const asleep = Effect.acquireUseRelease(
      Effect.sync(() => sleeping++),
      () => Effect.sleep("1 day"),
      () => Effect.sync(() => sleeping--)
    )
    const hooks = implementation({
      ingress: () =>
        Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)).pipe(
          Effect.andThen(Effect.forkScoped(asleep)),
          Effect.as(Delivery.acknowledged(
            Stream.concat(Stream.make({ payloads: [bytes("a")] as const, ack: Effect.void }), Stream.never)
          ))
        ),
      egress: () =>
        Effect.as(
          Effect.acquireRelease(Effect.sync(() => open++), () => Effect.sync(() => open--)),
          Delivery.sink({ idempotent: true, deliver: () => Effect.void, check: Effect.void })
        )
    })
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        RunningStreams.layer(Fake).pipe(Layer.provide(hooks), Layer.provideMerge([counted, Events.layer])),
        scope
      )
      const cycle = Effect.provide(
        Effect.gen(function*() {
          assert.deepStrictEqual(told(yield* apply([spec("in"), egress("out")])), ["in running", "out running"])
          assert.deepStrictEqual([open, subscribed], [2, 1])
          assert.deepStrictEqual(yield* apply([]), [])
          assert.deepStrictEqual([open, subscribed, sleeping], [0, 0, 0])
        }),
        context
      )
      yield* Effect.repeat(cycle, { times: 299 })
      yield* settle
      const before = { fibers, heap: collected() }
      yield* Effect.repeat(cycle, { times: 999 })
      yield* settle

      assert.strictEqual(fibers, before.fibers)
      // a single stream takes some kilobytes
      assert.isBelow(collected() - before.heap, 1 << 20)
      assert.deepStrictEqual(yield* Effect.provide(list, context), [])
      yield* Scope.close(scope, Exit.void)
    }).pipe(Effect.provideService(Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => {
        fibers++
      },
      recordFiberEnd: () => {
        fibers--
      }
    }))
  }, 120_000)
})
