/** The bundled connector, several times and again: what its replicas share, and what outlives them. */
import { assert, describe, layer } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer } from "effect"
import * as Support from "./support.ts"

class Bundle extends Context.Service<Bundle, string>()("test/Bundle") {}

const suite = layer(Layer.effect(Bundle, Support.bundle), { excludeTestServices: true, timeout: "60 seconds" })

/** Starts a replica of "c-1" and gives a caller of it. */
const start = Effect.fnUntraced(function*(broker: string, env: Readonly<Record<string, string>> = {}) {
  const file = yield* Bundle
  const process = yield* Support.start(file, ["--host", "127.0.0.1", "--port", "0"], {
    CONNECTOR_INSTANCE_ID: "c-1",
    NATS_BROKER: broker,
    KPS_STATE: "jetstream",
    KPS_LEASE_TTL: "1",
    ...env
  })
  const port = yield* Support.ready(process)
  const client = Support.clientAt(port, "c-1")
  return {
    process,
    call: <A, E>(effect: Effect.Effect<A, E, ConnectorClient.ConnectorClient>) => Effect.provide(effect, client)
  }
})

/** Numbers that are published outside, one every 2 ms, and what of them comes on the channel. */
const numbers = Effect.fnUntraced(function*(platform: string, outside: string) {
  const world = yield* Support.natsClient(outside)
  const pipelines = yield* Support.natsClient(platform)
  const seen = yield* Support.collectChannel(pipelines, "ch.in")
  const times: Array<number> = []
  let sent = 0
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      setInterval(() => {
        world.publish("nats_in", `${sent++}`)
        if (times.length < seen.length) times.push(...seen.slice(times.length).map(() => performance.now()))
      }, 2)
    ),
    (timer) => Effect.sync(() => clearInterval(timer))
  )
  return {
    /** Waits until what is published from now on comes. */
    moves: (when: string) =>
      Effect.suspend(() => {
        const from = sent
        return Support.until(`numbers ${when}`, Effect.sync(() => Number(seen.at(-1) ?? -1) > from))
      }),
    repeats: () => seen.filter((one, at) => seen.indexOf(one) !== at),
    longestSilenceMillis: () => times.reduce((longest, at, n) => Math.max(longest, at - (times[n - 1] ?? at)), 0)
  }
})

describe.skipIf(binary() === undefined)(suiteName("replicas"), () => {
  suite("bundled", (it) => {
    it.effect(
      "a connector that was killed goes on with its streams and config by itself",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer({ jetstream: true })
          const outside = yield* natsServer()
          const world = yield* Support.natsClient(outside.url)
          const pipelines = yield* Support.natsClient(platform.url)
          const channel = yield* Support.collectChannel(pipelines, "ch.in")
          const before = yield* start(platform.url)
          yield* before.call(ConnectorClient.ConnectorClient.use((client) =>
            client.setPayload([
              { object: { case: "config", value: { metadata: { log_level: "ERROR" } } } },
              {
                object: {
                  case: "stream",
                  value: Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url })
                }
              }
            ])
          ))
          before.process.child.kill("SIGKILL")
          assert.strictEqual(yield* before.process.exited, "SIGKILL")

          const after = yield* start(platform.url)
          yield* after.call(Support.until("running", Effect.map(Support.subscribed("in"), (runs) => runs === true)))
          const config = yield* after.call(ConnectorClient.ConnectorClient.use((client) => client.getConfig))
          world.publish("nats_in", "again")
          yield* Support.until("through", Effect.sync(() => channel.includes("again")))

          assert.deepStrictEqual(config, { log_level: "ERROR" })
          assert.deepStrictEqual(channel, ["again"])
        }),
      60_000
    )

    it.effect(
      "of two replicas one publishes, whichever is killed: nothing twice, and within the time to live",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer({ jetstream: true })
          const outside = yield* natsServer()
          const flow = yield* numbers(platform.url, outside.url)
          const replicas = yield* Effect.all([start(platform.url), start(platform.url)])
          yield* replicas[0].call(
            ConnectorClient.ConnectorClient.use((client) =>
              client.setStreams([Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url })])
            )
          )
          yield* flow.moves("at first")
          for (let round = 0; round < 6; round++) {
            const victim = round % 2
            replicas[victim]!.process.child.kill("SIGKILL")
            yield* replicas[victim]!.process.exited
            yield* flow.moves(`after kill ${round + 1}`)
            replicas[victim] = yield* start(platform.url)
            // Each of them answers for both.
            for (const { call } of replicas) {
              yield* call(Support.until("answers", Effect.map(Support.subscribed("in"), (runs) => runs === true)))
            }
          }

          assert.deepStrictEqual(flow.repeats(), [])
          // One in two kills hits the one that publishes, and the time to live is a second.
          assert.isBelow(flow.longestSilenceMillis(), 5_000)
        }),
      90_000
    )

    it.effect(
      "one that was stopped and goes on after another has begun publishes nothing",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer({ jetstream: true })
          const outside = yield* natsServer()
          const flow = yield* numbers(platform.url, outside.url)
          const replicas = yield* Effect.all([start(platform.url), start(platform.url)])
          yield* replicas[0].call(
            ConnectorClient.ConnectorClient.use((client) =>
              client.setStreams([Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url })])
            )
          )
          yield* flow.moves("at first")
          for (let round = 0; round < 4; round++) {
            const { child } = replicas[round % 2]!.process
            child.kill("SIGSTOP")
            // Longer than the time to live: the other one has begun, and there is much to read for this one.
            yield* Effect.sleep("2 seconds")
            yield* flow.moves(`while ${round + 1} is stopped`)
            child.kill("SIGCONT")
            yield* Effect.sleep("1 second")
            yield* flow.moves(`after ${round + 1} goes on`)
          }

          assert.deepStrictEqual(flow.repeats(), [])
        }),
      90_000
    )

    it.effect("two requests at the same time on two replicas end as one of them, whole", () =>
      Effect.gen(function*() {
        const platform = yield* natsServer({ jetstream: true })
        const outside = yield* natsServer()
        const replicas = yield* Effect.all([start(platform.url), start(platform.url)])
        const ask = (ids: ReadonlyArray<string>) =>
          ConnectorClient.ConnectorClient.use((client) =>
            client.setStreams(ids.map((id) => Support.stream(id, "INGRESS", { subject: id, broker: outside.url })))
          )
        const ids = ConnectorClient.ConnectorClient.use((client) =>
          Effect.map(client.getStreams, (all) => all.filter(({ subscribed }) => subscribed).map(({ id }) => id).join())
        )
        for (let round = 0; round < 4; round++) {
          const wanted = [["x", `a${round}`], [`b${round}`, "x", "y"]] as const
          yield* Effect.all(replicas.map(({ call }, n) => call(ask(wanted[n]!))), { concurrency: "unbounded" })
          yield* Support.until(
            "the same on both",
            Effect.map(Effect.all(replicas.map(({ call }) => call(Effect.orDie(ids)))), ([one, other]) =>
              one === other && wanted.some((set) => set.join() === one))
          )
        }
      }), 90_000)

    it.effect("forgets everything with KPS_STATE=memory", () =>
      Effect.gen(function*() {
        const platform = yield* natsServer({ jetstream: true })
        const before = yield* start(platform.url, { KPS_STATE: "memory" })
        yield* before.call(ConnectorClient.ConnectorClient.use((client) => client.setConfig({ log_level: "ERROR" })))
        before.process.child.kill("SIGKILL")
        const after = yield* start(platform.url, { KPS_STATE: "memory" })

        assert.deepStrictEqual(
          yield* after.call(ConnectorClient.ConnectorClient.use((client) => client.getConfig)),
          { log_level: "INFO" }
        )
      }), 60_000)
  })
})
