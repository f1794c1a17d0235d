import { assert, describe, layer } from "@effect/vitest"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Effect, Exit, Fiber, Layer, Option, Redacted, Schedule, Scope, Stream } from "effect"
import * as Net from "node:net"
import type { ConnectError } from "../src/BrokerError.ts"
import * as Brokers from "../src/Brokers.ts"
import * as Credentials from "../src/Credentials.ts"
import { connectionNames, natsClient, until } from "./support.ts"

const bytes = (text: string) => new TextEncoder().encode(text)
const texts = (payloads: ReadonlyArray<Uint8Array>) => payloads.map((payload) => new TextDecoder().decode(payload))

const connections = (monitorUrl: string) =>
  Effect.map(connectionNames(monitorUrl), (names) => names.filter((name) => name === "test").length)

const brokers = Brokers.layer({ name: "test" }).pipe(Layer.provide(Credentials.layer("/no/secrets")))

const suite = layer(brokers, { excludeTestServices: true })
describe.skipIf(binary() === undefined)(suiteName("Brokers"), () => {
  suite("with real brokers", (it) => {
    it.effect("subscribes so that nothing published afterwards is missed, and keeps the order", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        const nc = yield* natsClient(server.url)
        const subscription = yield* broker.subscribe("in.>", { queue: undefined })
        for (let i = 0; i < 3_000; i++) nc.publish(`in.${i % 3}`, `${i}`)

        const seen = yield* Stream.runCollect(Stream.take(subscription.payloads, 3_000))
        assert.deepStrictEqual(texts(seen), Array.from({ length: 3_000 }, (_, i) => `${i}`))
      }))

    it.effect("publishes in order, and succeeds only when the broker has it", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        const subscription = yield* broker.subscribe("out", { queue: undefined })
        const sent = Array.from({ length: 2_000 }, (_, i) => bytes(`${i}`))

        assert.deepStrictEqual(yield* broker.publish("out", sent), [])
        const seen = yield* Stream.runCollect(Stream.take(subscription.payloads, 2_000))
        assert.deepStrictEqual(texts(seen), texts(sent))
      }))

    it.effect("has one connection for all that use a broker, and none when the last has left", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const { get } = yield* Brokers.Brokers
        const scope = yield* Scope.make()
        yield* Effect.forEach(
          Array.from({ length: 20 }),
          (_, i) =>
            Effect.flatMap(
              get(i % 2 === 0 ? server.url : server.url.toUpperCase(), undefined),
              (broker) => broker.subscribe(`in.${i}`, { queue: undefined })
            ),
          { concurrency: "unbounded" }
        ).pipe(Scope.provide(scope))

        assert.strictEqual(yield* connections(server.monitorUrl), 1)
        yield* Scope.close(scope, Exit.void)
        yield* until("connection closed", Effect.map(connections(server.monitorUrl), (count) => count === 0))
      }))

    it.effect("has a connection for each name of credentials at a broker", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        yield* Effect.gen(function*() {
          const { get } = yield* Brokers.Brokers
          for (const name of [undefined, "a", "b", "a", undefined]) {
            yield* Effect.flatMap(get(server.url, name), (broker) => broker.connected)
          }
          assert.strictEqual(yield* connections(server.monitorUrl), 3)
        }).pipe(Effect.provide(withCredentials({})))
      }))

    it.effect("shares messages between the members of a queue group", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        const nc = yield* natsClient(server.url)
        const counts = [0, 0]
        for (const member of [0, 1]) {
          const { payloads } = yield* broker.subscribe("in", { queue: "workers" })
          yield* payloads.pipe(
            Stream.runForEachArray((array) => Effect.sync(() => void (counts[member]! += array.length))),
            Effect.forkScoped
          )
        }
        for (let i = 0; i < 1_000; i++) nc.publish("in", "x")
        yield* until("all received", Effect.sync(() => counts[0]! + counts[1]! >= 1_000))

        assert.strictEqual(counts[0]! + counts[1]!, 1_000)
        for (const count of counts) assert.isAbove(count, 100)
      }))

    it.effect("drains a subscription: what the broker had sent is given, what comes later is not taken", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const nc = yield* natsClient(server.url)
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        const subscription = yield* broker.subscribe("in", { queue: undefined })
        for (let i = 0; i < 5_000; i++) nc.publish("in", "before")
        yield* Effect.promise(() => nc.flush())
        yield* subscription.drain
        nc.publish("in", "after")
        yield* Effect.promise(() => nc.flush())

        const taken = yield* Stream.runCollect(subscription.payloads)
        assert.strictEqual(taken.length, 5_000)
        assert.isTrue(taken.every((payload) => payload.length === "before".length))
      }))

    it.effect("fails the streams of a broker that is killed, and finds it again", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        const { payloads } = yield* broker.subscribe("in", { queue: undefined })
        const reader = yield* Effect.forkChild(Effect.flip(Stream.runDrain(payloads)))
        yield* server.kill()

        const lost = yield* Effect.timeout(Fiber.join(reader), "3 seconds")
        assert.strictEqual(lost._tag, "BrokerLost")
        assert.include(lost.message, server.url)
        const away = yield* Effect.flip(broker.publish("out", [bytes("x")]))
        assert.include(["BrokerUnreachable", "BrokerLost"], away._tag)

        yield* server.restart
        yield* Effect.retry(broker.connected, { times: 50, schedule: Schedule.spaced("50 millis") })
        assert.deepStrictEqual(yield* broker.publish("out", [bytes("x")]), [])
        assert.strictEqual(yield* connections(server.monitorUrl), 1)
      }))

    it.effect("does not call delivered what a dying broker may not have taken", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        yield* broker.connected
        yield* server.kill("SIGSTOP")
        // the signal takes a moment to stop it
        yield* until(
          "broker stopped",
          Effect.map(Effect.timeoutOption(broker.publish("out", [bytes("x")]), "100 millis"), Option.isNone)
        )
        const publishing = yield* Effect.forkChild(Effect.flip(broker.publish("out", [bytes("x")])))
        yield* Effect.sleep("100 millis")
        assert.isUndefined(publishing.pollUnsafe())
        yield* server.kill("SIGKILL")

        assert.strictEqual((yield* Effect.timeout(Fiber.join(publishing), "3 seconds"))._tag, "BrokerLost")
      }))

    it.effect(
      "gives up a broker that hangs, within ten seconds, whatever is waiting to be written to it",
      () =>
        Effect.gen(function*() {
          const server = yield* natsServer({ config: "max_payload: 8MB" })
          const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
          const { payloads } = yield* broker.subscribe("in", { queue: undefined })
          const reader = yield* Effect.forkChild(Effect.flip(Stream.runDrain(payloads)))
          yield* server.kill("SIGSTOP")
          const publishing = yield* Effect.forkChild(
            Effect.flip(broker.publish("out", Array.from({ length: 4 }, () => new Uint8Array(8_000_000))))
          )
          const [read, published] = yield* Effect.timeout(
            Effect.all([Fiber.join(reader), Fiber.join(publishing)]),
            "10 seconds"
          )
          assert.deepStrictEqual([read._tag, published._tag], ["BrokerLost", "BrokerLost"])
          assert.include(published.message, "no answer to pings")
          // a broker that hangs takes connections and says nothing
          assert.include((yield* Effect.flip(broker.connected)).message, "no answer within 1.5 seconds")

          yield* server.kill("SIGCONT")
          yield* Effect.retry(broker.connected, { times: 50, schedule: Schedule.spaced("50 millis") })
          yield* until("one connection", Effect.map(connections(server.monitorUrl), (count) => count === 1))
        }),
      30_000
    )

    it.effect("names the broker that is not there", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        yield* server.kill()
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)

        const error = yield* Effect.flip(broker.subscribe("in", { queue: undefined }))
        assert.strictEqual(error._tag, "BrokerUnreachable")
        assert.strictEqual(
          error.message,
          `cannot connect to ${server.url}: connect ECONNREFUSED 127.0.0.1:${server.port}`
        )
      }))

    it.effect("dials a broker that is away not more than five times a second, however many ask", () =>
      Effect.gen(function*() {
        let dialed = 0
        const mute = yield* listen((socket) => {
          dialed++
          socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")
        })
        const broker = yield* (yield* Brokers.Brokers).get(mute, undefined)
        const errors: Array<ConnectError> = []
        yield* Effect.forEach(Array.from({ length: 100 }), () =>
          Effect.flip(broker.connected).pipe(
            Effect.tap((error) => Effect.sync(() => errors.push(error))),
            Effect.andThen(Effect.sleep("10 millis")),
            Effect.repeat({ times: 30 })
          ), { concurrency: "unbounded" })

        assert.isAtLeast(dialed, 2)
        assert.isAtMost(dialed, 10)
        assert.include(errors[0]!.message, "what answers is no NATS server")
      }))

    it.effect("leaves no socket behind at an address that takes connections and says nothing", () =>
      Effect.gen(function*() {
        const open = new Set<Net.Socket>()
        const mute = yield* listen((socket) => {
          open.add(socket)
          socket.on("close", () => open.delete(socket)).on("error", () => {}).resume()
        })
        const broker = yield* (yield* Brokers.Brokers).get(mute, undefined)

        const error = yield* Effect.flip(broker.connected)
        assert.strictEqual(error._tag, "BrokerUnreachable")
        yield* until("socket closed", Effect.sync(() => open.size === 0))
      }))

    it.effect("never speaks in the clear to a broker it should reach by TLS", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const broker = yield* (yield* Brokers.Brokers).get(server.url.replace("nats:", "tls:"), undefined)

        const error = yield* Effect.flip(broker.connected)
        assert.strictEqual(error._tag, "BrokerUnreachable")
        assert.include(error.message, "server does not support 'tls'")
        assert.strictEqual(yield* connections(server.monitorUrl), 0)
      }))

    it.effect("fails for subjects that the broker does not permit, and only for them", () =>
      Effect.gen(function*() {
        const server = yield* natsServer({
          config: `authorization { users: [{ user: u, password: p, permissions: {
            subscribe: { deny: "secret.>" }, publish: { deny: "secret.>" } } }] }`
        })
        yield* Effect.gen(function*() {
          const broker = yield* (yield* Brokers.Brokers).get(server.url, "plant")
          const subscribed = yield* Effect.flip(broker.subscribe("secret.a", { queue: "q" }))
          const published = yield* Effect.flip(broker.publish("secret.a", [bytes("x")]))
          assert.strictEqual(subscribed.message, `${server.url} does not permit to subscribe on "secret.a"`)
          assert.strictEqual(published.message, `${server.url} does not permit to publish on "secret.a"`)
          assert.strictEqual(published._tag, "SubjectDenied")

          yield* broker.subscribe("open", { queue: undefined })
          assert.deepStrictEqual(yield* broker.publish("open", [bytes("x")]), [])
        }).pipe(Effect.provide(withCredentials({ user: "u", password: Redacted.make("p") })))
      }))

    it.effect("says that credentials are refused, or missing, and tries again with those of now", () =>
      Effect.gen(function*() {
        const server = yield* natsServer({ args: ["--auth", "token-1"] })
        const without = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        assert.strictEqual(
          (yield* Effect.flip(without.connected)).message,
          `${server.url} asks for credentials, and the stream names none`
        )

        let token = "wrong-canary"
        const layer = Brokers.layer({ name: "test" }).pipe(
          Layer.provide(Layer.succeed(Credentials.Credentials, {
            of: () => Effect.sync(() => ({ credentials: { token: Redacted.make(token) }, tls: undefined }))
          }))
        )
        yield* Effect.gen(function*() {
          const broker = yield* (yield* Brokers.Brokers).get(server.url, "plant")
          const error = yield* Effect.flip(broker.connected)
          assert.strictEqual(error._tag, "CredentialsRefused")
          assert.strictEqual(error.message, `${server.url} refuses the credentials "plant"`)
          token = "token-1"
          yield* Effect.retry(broker.connected, { times: 20, schedule: Schedule.spaced("50 millis") })
        }).pipe(Effect.provide(layer))
      }))

    it.effect("names the size and the limit of what the broker does not take, and publishes the rest", () =>
      Effect.gen(function*() {
        const server = yield* natsServer({ config: "max_payload: 1024" })
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        const { payloads } = yield* broker.subscribe("out", { queue: undefined })
        const failed = yield* broker.publish("out", [
          bytes("a"),
          new Uint8Array(1_025),
          new Uint8Array(1_024),
          bytes("b")
        ])

        assert.deepStrictEqual(failed.map(({ error, index }) => [index, error._tag, error.message]), [
          [1, "MessageTooLarge", `message of 1025 bytes on "out" is over the limit of 1024 bytes of ${server.url}`]
        ])
        const seen = yield* Stream.runCollect(Stream.take(payloads, 3))
        assert.deepStrictEqual(seen.map((payload) => payload.length), [1, 1_024, 1])
      }))

    it.effect("counts what it drops when nobody reads", () =>
      Effect.gen(function*() {
        const server = yield* natsServer()
        const broker = yield* (yield* Brokers.Brokers).get(server.url, undefined)
        const nc = yield* natsClient(server.url)
        const subscription = yield* broker.subscribe("in", { queue: undefined })
        for (let i = 0; i < 70_000; i++) nc.publish("in", "x")
        yield* Effect.promise(() => nc.flush())
        yield* until(
          "all came",
          Effect.map(subscription.droppedBeyond(0), (dropped) => dropped + subscription.kept() === 70_000)
        )
        assert.strictEqual(subscription.kept(), 65_536)
      }))
  })
})

/** Credentials that have one name, whichever broker they are asked for. */
const withCredentials = (credentials: Credentials.Secret["credentials"]) =>
  Brokers.layer({ name: "test" }).pipe(
    Layer.provide(Layer.succeed(Credentials.Credentials, {
      of: () => Effect.succeed({ credentials, tls: undefined })
    }))
  )

/** Something that listens and is no broker: its address. */
const listen = (onSocket: (socket: Net.Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer(onSocket).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.promise(() => new Promise((done) => server.close(done)))
  ).pipe(Effect.map((server) => {
    const address = server.address()
    assert(typeof address === "object" && address !== null)
    return `nats://127.0.0.1:${address.port}`
  }))
