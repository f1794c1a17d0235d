import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { Channel, NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { type Duration, Effect, Layer, Queue, Redacted, References, Stream } from "effect"
import { get } from "node:http"
import * as RunningStreams from "../src/RunningStreams.ts"
import {
  alerts,
  apply,
  bytes,
  egress,
  Fake,
  type Hooks,
  implementation,
  list,
  publish,
  spec,
  stateOf,
  statsOf,
  text,
  told
} from "./streams.ts"

/** One replica of a connector, with a connection of its own. */
const replica = (
  server: NatsServer.NatsServer["Service"],
  hooks: Hooks,
  options: Partial<NatsTransport.Options> = {}
) =>
  RunningStreams.layer(Fake, { connectorId: "c-1" }).pipe(
    Layer.provide(implementation(hooks)),
    Layer.provideMerge([NatsTransport.layer({ servers: [server.url], ...options }), Events.layer]),
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
  )

/** Polls in real time, bounded. */
const until = <R>(what: string, condition: Effect.Effect<boolean, never, R>, within: Duration.Input = "15 seconds") =>
  condition.pipe(
    Effect.flatMap((so) => so ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), Effect.fail("not yet"))),
    Effect.eventually,
    Effect.timeoutOrElse({ duration: within, orElse: () => Effect.die(new Error(`never came: ${what}`)) })
  )

const subscriptions = (server: NatsServer.NatsServer["Service"]) =>
  Effect.callback<number>((resume) => {
    get(`${server.monitorUrl}/connz?subs=1`, { agent: false }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk
      }).on("end", () => {
        const { connections } = JSON.parse(body) as {
          readonly connections: ReadonlyArray<{ readonly subscriptions_list?: ReadonlyArray<string> }>
        }
        const channels = connections.flatMap((one) => one.subscriptions_list ?? []).filter((one) =>
          one.startsWith("ch.")
        )
        resume(Effect.succeed(channels.length))
      })
    })
  })

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("RunningStreams on NATS"), () => {
  it.live(
    "tells of a channel that is refused also to a source that publishes now and then, and keeps what it gave",
    () => {
      const config = (channel: string) =>
        `authorization { users: [{ user: u, password: p, permissions: { publish: ["${channel}", "_INBOX.>", "kps.>"] } }] }`
      const queue = Effect.runSync(Queue.unbounded<string>())
      const hooks: Hooks = {
        ingress: () => Effect.succeed(Delivery.lossy(Stream.map(Stream.fromQueue(queue), bytes)))
      }
      return Effect.gen(function*() {
        const server = yield* NatsServer.make({ config: config("other") })
        const seen: Array<string> = []
        yield* Effect.gen(function*() {
          yield* apply([spec("1")], "5 seconds")
          assert.strictEqual(yield* stateOf("1"), "Running")
          yield* Queue.offer(queue, "a")
          yield* until("unhealthy", Effect.map(stateOf("1"), (state) => state === "Retrying"))
          assert.include(yield* alerts, "transportPublishFailed of 1 (CRITICAL)")
          yield* server.configure(config("ch.1"))
          yield* server.kill("SIGHUP")
          const messages = yield* Effect.flatMap(
            Transport.Transport,
            (transport) => transport.subscription(Channel.ChannelName.make("ch.1"))
          )
          yield* Effect.forkScoped(
            Stream.runForEach(messages, ({ payloads }) => Effect.sync(() => seen.push(...payloads.map(text))))
          )
          yield* until("healthy", Effect.map(stateOf("1"), (state) => state === "Running"), "40 seconds")
          yield* until("what it gave", Effect.sync(() => seen.length > 0))

          assert.deepStrictEqual(seen, ["a"])
        }).pipe(
          Effect.scoped,
          Effect.provide(
            replica(server, hooks, { user: "u", password: Redacted.make("p") })
          )
        )
      })
    },
    60_000
  )

  it.live(
    "recovers from a broker that is killed: what was acknowledged has arrived, in order, and it says so meanwhile",
    () => {
      let next = 0
      let acknowledged = 0
      let outOfOrder = 0
      const delivered: Array<number> = []
      const hooks: Hooks = {
        ingress: () =>
          Effect.succeed(Delivery.acknowledged(Stream.fromEffectRepeat(Effect.map(Effect.sleep("1 millis"), () => {
            const mine = next++
            return {
              payloads: [bytes(`${mine}`)] as const,
              ack: Effect.sync(() => {
                if (mine !== acknowledged++) outOfOrder++
              })
            }
          })))),
        egress: () =>
          Effect.succeed(Delivery.sink({
            idempotent: true,
            deliver: (batch) =>
              Effect.sync(() => void delivered.push(...batch.map(({ payload }) => Number(text(payload)))))
          }))
      }
      return Effect.gen(function*() {
        const server = yield* NatsServer.make()
        yield* Effect.gen(function*() {
          // both on one channel, the subscriber first
          yield* apply([{ ...egress("out"), channel: Channel.ChannelName.make("ch.loop") }], "5 seconds")
          const both = [
            { ...egress("out"), channel: Channel.ChannelName.make("ch.loop") },
            spec("in", { channel: "ch.loop" })
          ]
          assert.deepStrictEqual(told(yield* apply(both, "5 seconds")), ["out running", "in running"])
          for (let round = 0; round < 2; round++) {
            const before = acknowledged
            yield* until("flow", Effect.sync(() => acknowledged > before + 100))
            yield* server.kill()
            yield* until(
              "both unhealthy",
              Effect.map(list, (all) => all.every(({ state }) => state._tag === "Retrying"))
            )
            const read = next
            yield* Effect.sleep("300 millis")
            assert.isBelow(next - read, 5_000)
            yield* server.restart
            yield* until("both running", Effect.map(list, (all) => all.every(({ state }) => state._tag === "Running")))
          }
          const last = acknowledged + 100
          yield* until("flow", Effect.sync(() => acknowledged > last && delivered.includes(last)))
          yield* until("no alert", Effect.map(alerts, (standing) => standing.length === 0))

          const first = Array.from(new Set(delivered)).filter((one) => one <= last)
          assert.strictEqual(outOfOrder, 0)
          assert.deepStrictEqual(first, Array.from({ length: last + 1 }, (_, i) => i))
        }).pipe(Effect.provide(replica(server, hooks)))
      })
    },
    60_000
  )

  it.live("gives each message to one of two replicas, and all to the one that is left", () => {
    const delivered: [Array<string>, Array<string>] = [[], []]
    const hooks = (index: 0 | 1): Hooks => ({
      egress: () =>
        Effect.succeed(Delivery.sink({
          idempotent: true,
          deliver: (batch) =>
            Effect.sync(() => void delivered[index].push(...batch.map(({ payload }) => text(payload))))
        }))
    })
    const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)
    return Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const start = (index: 0 | 1) => Layer.build(replica(server, hooks(index)))
      const first = yield* start(0)
      yield* Effect.provide(apply([egress("1")], "5 seconds"), first)
      yield* Effect.scoped(Effect.gen(function*() {
        const second = yield* start(1)
        yield* Effect.provide(apply([egress("1")], "5 seconds"), second)
        yield* Effect.provide(publish("ch.1", range(0, 2_000)), first)
        yield* until("all", Effect.sync(() => delivered.flat().length >= 2_000))
        assert.deepStrictEqual(new Set(delivered.flat()), new Set(range(0, 2_000)))
        assert.strictEqual(delivered.flat().length, 2_000)
        assert.isAbove(delivered[0].length, 0)
        assert.isAbove(delivered[1].length, 0)
      }))
      const had = delivered[0].length
      yield* Effect.provide(publish("ch.1", range(0, 500)), first)
      yield* until("the rest", Effect.sync(() => delivered[0].length === had + 500))
    })
  }, 30_000)

  it.live("tells of a channel that the broker refuses, and runs when it is allowed", () => {
    const permissions = (channel: string) =>
      `authorization { users: [{ user: u, password: p, permissions: { publish: [">"], subscribe: { allow: ["${channel}", "_INBOX.>"] } } }] }`
    return Effect.gen(function*() {
      const server = yield* NatsServer.make({ config: permissions("ch.open") })
      yield* Effect.gen(function*() {
        assert.deepStrictEqual(told(yield* apply([egress("closed"), egress("open")], "5 seconds")), [
          "closed PERMISSION_DENIED PermissionDenied",
          "open running"
        ])
        assert.deepStrictEqual(yield* alerts, ["transportSubscribeFailed of closed (CRITICAL)"])
        yield* server.configure(permissions(">"))
        yield* server.kill("SIGHUP")
        yield* until("it runs", Effect.map(stateOf("closed"), (state) => state === "Running"))
        yield* publish("ch.closed", ["a"])
        yield* until("it delivers", Effect.map(statsOf("closed"), ({ delivered }) => delivered === 1))
        yield* until("no alert", Effect.map(alerts, (standing) => standing.length === 0))
      }).pipe(Effect.provide(replica(server, {}, { user: "u", password: Redacted.make("p") })))
    })
  }, 30_000)

  it.live(
    "leaves no subscription behind after 1,000 cycles of adding and removing streams",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make()
        yield* Effect.gen(function*() {
          const transport = yield* Transport.Transport
          for (let i = 0; i < 1_000; i++) {
            const outcomes = yield* apply([spec("in"), egress("out")], "5 seconds")
            if (i % 100 === 0) {
              assert.deepStrictEqual(told(outcomes), ["in running", "out running"])
              yield* transport.flush
              assert.strictEqual(yield* subscriptions(server), 1)
            }
            assert.deepStrictEqual(yield* apply([], "5 seconds"), [])
          }
          yield* transport.flush
          yield* until("none is left", Effect.map(subscriptions(server), (left) => left === 0))
        }).pipe(Effect.provide(replica(server, {})))
      }),
    60_000
  )
})
