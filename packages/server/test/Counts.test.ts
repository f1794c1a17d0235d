/** O53: what is told to whoever scrapes, against what really happened. */
import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Effect, Latch, Layer, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as RunningStreams from "../src/RunningStreams.ts"
import {
  apply,
  bytes,
  channel,
  collect,
  Denied,
  egress,
  Fake,
  type Hooks,
  implementation,
  layer,
  Lost,
  notConnected,
  Poison,
  publish,
  settle,
  spec,
  text,
  until
} from "./streams.ts"
import { observed, ofStream, type Scrape, scrape, stateOf } from "./support/Scrape.ts"

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)

const test = (hooks: Hooks, options: Parameters<typeof layer>[1] = {}) =>
  Effect.provide(observed(layer(hooks, options)))

const nothing = { received: 0, published: 0, dropped: 0, uncertain: 0, in_flight: 0 }

const nothingOut = {
  received: 0,
  delivered: 0,
  failed: 0,
  dropped: 0,
  dead_lettered: 0,
  dead_letters_evicted: 0,
  malformed: 0,
  overflowed: 0,
  in_flight: 0
}

/** A source that gives arrays, then waits for ever. */
const lossy = (arrays: ReadonlyArray<ReadonlyArray<string>>) =>
  Delivery.lossy(
    Stream.concat(
      Stream.flatMap(Stream.fromIterable(arrays), (array) => Stream.fromArray(array.map(bytes))),
      Stream.never
    )
  )

describe("What is counted, when all goes well", () => {
  it.effect("equals what the sources gave, what the sinks took and what was on the channels", () => {
    let given = 0
    let acknowledged = 0
    let taken = 0
    const hooks: Hooks = {
      ingress: ({ id }) =>
        Effect.sync(() => {
          if (id === "lossy") {
            given += 3_000
            return lossy([range(0, 1_000), range(1_000, 3_000)])
          }
          return Delivery.acknowledged(
            Stream.concat(
              Stream.fromIterable(
                range(0, 50).map((one) => ({
                  payloads: [bytes(one), bytes(one)] as const,
                  ack: Effect.sync(() => {
                    acknowledged += 2
                  })
                }))
              ),
              Stream.never
            )
          )
        }),
      egress: () =>
        Effect.succeed(Delivery.sink({
          idempotent: true,
          deliver: (batch) =>
            Effect.sync(() => {
              taken += batch.length
            })
        }))
    }
    return Effect.gen(function*() {
      const arrived = yield* collect("ch.lossy")
      yield* apply([spec("lossy"), spec("acked"), egress("out")])
      yield* publish("ch.out", range(0, 700))
      yield* until("all", () => arrived.length === 3_000 && acknowledged === 100 && taken === 700)
      yield* settle
      const now = yield* scrape

      assert.deepStrictEqual(ofStream(now, "lossy"), { ...nothing, received: given, published: arrived.length })
      assert.deepStrictEqual(ofStream(now, "acked"), { ...nothing, received: acknowledged, published: acknowledged })
      assert.deepStrictEqual(ofStream(now, "out"), { ...nothingOut, received: taken, delivered: taken })
      for (const id of ["lossy", "acked", "out"]) assert.strictEqual(stateOf(now, id), "running")
      assert.strictEqual(now.get("kps_transport_connected"), 1)
      // the test itself published what went out
      assert.strictEqual(now.get("kps_transport_messages_published_total"), 3_000 + 100 + 700)
      assert.strictEqual(
        now.get("kps_connector_info{connector_id=\"c-1\",connector=\"fake\",version=\"1.0\",channels=\"core\"}"),
        1
      )
    }).pipe(test(hooks))
  })

  it.effect("has in flight what was taken and is not done with", () => {
    const release = Latch.makeUnsafe()
    const hooks: Hooks = {
      ingress: ({ id }) =>
        Effect.succeed(
          id === "lossy" ? lossy([range(0, 10)]) : Delivery.acknowledged(
            Stream.concat(
              Stream.fromIterable([3, 4].map((count) => ({
                payloads: [bytes("a"), ...range(1, count).map(bytes)] as const,
                ack: Effect.void
              }))),
              Stream.never
            )
          )
        ),
      egress: () => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => release.await }))
    }
    return Effect.gen(function*() {
      yield* apply([spec("lossy"), spec("acked"), egress("out")])
      yield* publish("ch.out", range(0, 600))
      yield* settle
      const before = yield* scrape
      yield* release.open
      yield* settle
      const after = yield* scrape

      assert.deepStrictEqual(ofStream(before, "lossy"), { ...nothing, received: 10, in_flight: 10 })
      assert.deepStrictEqual(ofStream(before, "acked"), { ...nothing, received: 7, in_flight: 7 })
      assert.deepInclude(ofStream(before, "out"), { delivered: 0, in_flight: ofStream(before, "out")["received"]! })
      assert.isAbove(ofStream(before, "out")["in_flight"]!, 511)
      assert.deepStrictEqual(ofStream(after, "lossy"), { ...nothing, received: 10, published: 10 })
      assert.deepStrictEqual(ofStream(after, "acked"), { ...nothing, received: 7, published: 7 })
      assert.deepStrictEqual(ofStream(after, "out"), { ...nothingOut, received: 600, delivered: 600 })
    }).pipe(test(hooks, {
      over: (transport) => ({
        publishAll: (...args) => Effect.andThen(release.await, transport.publishAll(...args)),
        publishConfirmed: (...args) => Effect.andThen(release.await, transport.publishConfirmed(...args))
      })
    }))
  })
})

describe("What is counted, when something fails", () => {
  it.effect("equals what the sink refused, at every try, and what was given up", () => {
    const refused = new Map<string, number>()
    let taken = 0
    const hooks: Hooks = {
      egress: () =>
        Effect.succeed(Delivery.sinkPartial({
          idempotent: true,
          deliver: (batch) =>
            Effect.sync(() => {
              const failed = batch.flatMap(({ payload }, index) => {
                const one = text(payload)
                const tries = (refused.get(one) ?? 0) + 1
                const error = one.endsWith("7")
                  ? new Poison({ message: one })
                  : one.endsWith("3") && tries <= 2
                  ? new Lost({ message: one })
                  : undefined
                if (error === undefined) {
                  taken++
                  return []
                }
                refused.set(one, tries)
                return [{ index, error }]
              })
              return Delivery.failed(failed)
            })
        }))
    }
    return Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      yield* apply([egress("out")])
      yield* publish("ch.out", range(0, 100))
      yield* broker.inject(channel("ch.out"))
      for (let i = 0; i < 10; i++) {
        yield* settle
        yield* TestClock.adjust("1 minute")
      }
      yield* settle
      const now = yield* scrape

      const failed = Array.from(refused.values()).reduce((sum, tries) => sum + tries, 0)
      assert.strictEqual(failed, 10 + 20)
      assert.deepStrictEqual(ofStream(now, "out"), {
        ...nothingOut,
        received: 100,
        delivered: taken,
        failed,
        dead_lettered: 10,
        malformed: 1
      })
      assert.strictEqual(taken, 90)
      assert.strictEqual(now.get("kps_transport_frames_malformed_total"), 1)
    }).pipe(test(hooks))
  })

  it.effect("equals what was too large and what arrived", () => {
    const huge = "x".repeat(Transport.maxPayloadBytes)
    return Effect.gen(function*() {
      const arrived = yield* collect("ch.in")
      yield* apply([spec("in")])
      yield* until("the others", () => arrived.length === 3)
      const now = yield* scrape

      assert.deepStrictEqual(ofStream(now, "in"), { ...nothing, received: 5, published: arrived.length, dropped: 2 })
      assert.isAtLeast(now.get("kps_transport_publish_errors_total") ?? 0, 2)
    }).pipe(test({ ingress: () => Effect.succeed(lossy([["a", huge, "b", huge, "c"]])) }))
  })

  it.effect("shows each state that a stream is in", () => {
    const hooks: Hooks = {
      ingress: ({ id }) =>
        id === "starting"
          ? Effect.never
          : id === "retrying"
          ? Effect.fail(new Lost({ message: "away" }))
          : id === "halted"
          ? Effect.fail(new Denied({ message: "no" }))
          : Effect.succeed(id === "done" ? Delivery.lossy(Stream.empty) : lossy([]))
    }
    return Effect.gen(function*() {
      const ids = ["starting", "running", "retrying", "halted", "done"]
      yield* Effect.forkScoped(apply(ids.map((id) => spec(id))))
      yield* settle
      const now = yield* scrape

      for (const id of ids) assert.strictEqual(stateOf(now, id), id)
    }).pipe(test(hooks))
  })
})

describe("What is counted, when something is cut off in the middle", () => {
  it.effect("equals what was handed over before the broker went, and after it came back", () => {
    const handed: Array<number> = []
    let calls = 0
    return Effect.gen(function*() {
      yield* apply([spec("in")]).pipe(Effect.forkScoped)
      yield* settle
      const cut = yield* scrape
      yield* TestClock.adjust("10 seconds")
      yield* settle
      const now = yield* scrape

      assert.deepStrictEqual(handed, [4, 6])
      assert.deepStrictEqual(ofStream(cut, "in"), {
        ...nothing,
        received: 10,
        published: 4,
        uncertain: 3,
        in_flight: 6
      })
      assert.deepStrictEqual(ofStream(now, "in"), { ...nothing, received: 10, published: 10, uncertain: 3 })
      assert.strictEqual(stateOf(cut, "in"), "retrying")
      assert.strictEqual(stateOf(now, "in"), "running")
    }).pipe(test({ ingress: () => Effect.succeed(lossy([range(0, 10)])) }, {
      over: () => ({
        publishAll: (_, messages, options) =>
          Effect.suspend(() => {
            handed.push(calls === 0 ? 4 : messages.length)
            if (calls++ > 0) return Effect.void
            options?.onUncertain?.(3, 3)
            return Effect.fail(notConnected(4))
          })
      })
    }))
  })

  it.effect("has what was in hand when the stream was stopped among what was dropped, also once it is removed", () => {
    const hooks: Hooks = {
      ingress: () => Effect.succeed(lossy([range(0, 10)])),
      egress: () => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => Effect.never }))
    }
    return Effect.gen(function*() {
      yield* apply([spec("in"), egress("out")])
      yield* publish("ch.out", range(0, 20))
      yield* settle
      yield* apply([])
      yield* settle
      const now = yield* scrape

      assert.deepStrictEqual(ofStream(now, "in"), { ...nothing, received: 10, dropped: 10 })
      assert.deepStrictEqual(ofStream(now, "out"), { ...nothingOut, received: 20, dropped: 20 })
      assert.isTrue(Array.from(now.keys()).every((series) => !series.startsWith("kps_stream_state")))
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(ofStream(yield* scrape, "in"), {})
    }).pipe(test(hooks, { over: () => ({ publishAll: () => Effect.never }) }))
  })

  it.effect("never goes back while it is shown, through removals, restarts and changes of direction", () => {
    const hooks: Hooks = {
      ingress: () => Effect.succeed(lossy([["a", "b"]])),
      egress: () => Effect.succeed(Delivery.sink({ idempotent: true, deliver: () => Effect.void }))
    }
    return Effect.gen(function*() {
      const seen: Array<Scrape> = []
      for (let i = 0; i < 12; i++) {
        const streams = [[spec("s")], [], [egress("s")], [spec("s", { name: `${i}` })]][i % 4]!
        yield* apply(streams)
        if (i % 4 === 2) yield* publish("ch.s", ["x", "y", "z"])
        yield* settle
        seen.push(yield* scrape)
        yield* TestClock.adjust("30 seconds")
      }
      for (const [i, now] of seen.entries()) {
        for (const [series, value] of seen[i - 1] ?? []) {
          if (!series.includes("_total")) continue
          assert.isAtLeast(now.get(series) ?? -1, value, series)
        }
      }
      const last = seen.at(-1)!
      const total = (name: string, direction: string) =>
        last.get(`kps_stream_messages_${name}_total{stream_id="s",direction="${direction}"}`)
      // opened twice in each round of four, and thrice delivered
      assert.strictEqual(total("received", "ingress"), 12)
      assert.strictEqual(total("published", "ingress"), 12)
      assert.strictEqual(total("delivered", "egress"), 9)
    }).pipe(test(hooks))
  })
})

/** On a real broker, with real time. */
const onNats = (server: NatsServer.NatsServer["Service"], hooks: Hooks) =>
  observed(
    RunningStreams.layer(Fake, { connectorId: "c-1" }).pipe(
      Layer.provide(implementation(hooks)),
      Layer.provideMerge([NatsTransport.layer({ servers: [server.url] }), Events.layer])
    )
  ).pipe(Layer.provide(Layer.succeed(References.MinimumLogLevel, "None")))

const eventually = <R>(what: string, condition: Effect.Effect<boolean, never, R>) =>
  condition.pipe(
    Effect.flatMap((so) => so ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), Effect.fail("not yet"))),
    Effect.eventually,
    Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => Effect.die(new Error(`never came: ${what}`)) })
  )

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("What is counted, on NATS"), () => {
  it.live(
    "brackets what arrived through killed brokers, and adds up to what the connection counts",
    () => {
      let given = 0
      const hooks: Hooks = {
        ingress: ({ id }) =>
          Effect.succeed(Delivery.lossy(
            Stream.fromEffectRepeat(Effect.map(Effect.sleep("1 millis"), () => {
              if (id === "a") given++
              return bytes(id)
            }))
          ))
      }
      return Effect.gen(function*() {
        const server = yield* NatsServer.make()
        yield* Effect.gen(function*() {
          // on the same connection: back on the broker before anything is published again
          const arrived = yield* collect("ch.a")
          yield* apply([spec("a"), spec("b")], "5 seconds")
          const some = (count: number) =>
            eventually(`${count} more`, Effect.map(scrape, (now) => ofStream(now, "a")["published"]! >= count))
          yield* some(200)
          for (const round of [1, 2]) {
            if (round === 2) {
              // what is published from here on is not confirmed
              yield* server.kill("SIGSTOP")
              yield* some(ofStream(yield* scrape, "a")["published"]! + 50)
            }
            yield* server.kill()
            yield* eventually("away", Effect.map(scrape, (now) => now.get("kps_transport_connected") === 0))
            yield* server.restart
            yield* eventually("back", Effect.map(scrape, (now) => now.get("kps_transport_connected") === 1))
            yield* some(ofStream(yield* scrape, "a")["published"]! + 200)
          }
          yield* apply([], "5 seconds")
          yield* Transport.Transport.use((transport) => Effect.orDie(transport.flush))
          yield* eventually(
            "all that came is read",
            Effect.map(scrape, (now) => now.get("kps_transport_messages_received_total") === arrived.length)
          )
          const now = yield* scrape
          const a = ofStream(now, "a")
          const b = ofStream(now, "b")
          assert.strictEqual(a["uncertain"]! + b["uncertain"]!, now.get("kps_transport_messages_uncertain_total"))
          assert.strictEqual(a["published"]! + b["published"]!, now.get("kps_transport_messages_published_total"))
          assert.isAtLeast(arrived.length, a["published"]! - a["uncertain"]!)
          assert.isAtMost(arrived.length, a["published"]!)
          assert.strictEqual(a["in_flight"], 0)
          assert.strictEqual(a["received"], a["published"]! + a["dropped"]!)
          assert.isAbove(a["uncertain"]!, 0)
          // one may be on its way when the stream is stopped
          assert.include([given, given - 1], a["received"])
          assert.strictEqual(now.get("kps_transport_disconnects_total"), 2)
        }).pipe(Effect.provide(onNats(server, hooks)))
      })
    },
    60_000
  )
})
