import { assert, describe, it } from "@effect/vitest"
import type { Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { headers } from "@nats-io/transport-node"
import { Effect, Fiber } from "effect"
import { answersOf, identified, jetStreamOf, named, onlooker, proxyOf, textOf, texts } from "./jetstream.ts"
import { channelOf, connected, disconnected, until } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = "KPS_plant_line-1"

const reasonOf = (error: { readonly reason: { readonly _tag: string } }) => error.reason._tag

/** Waits until the window is empty. */
const settled = (transport: Transport.Transport["Service"]) =>
  until(
    "everything is stored",
    Effect.map(transport.stats, ({ unconfirmedBytes }) => unconfirmedBytes === 0),
    "20 seconds"
  )

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, publishing"), () => {
  it.live("has stored what it confirmed, in order, under ids of its own", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("a", 500))
      const stored = yield* look.stored(stream)

      assert.deepStrictEqual(stored.map(({ text }) => text), named("a", 500))
      assert.strictEqual(new Set(stored.map(({ id }) => id)).size, 500)
    }))

  it.live("stores messages with one id once, in one call, in the next, and of another process", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const other = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const messages = identified("a", 20)
      yield* transport.publishConfirmed(channel, [...messages, ...messages])
      yield* transport.publishConfirmed(channel, messages)
      yield* other.transport.publishConfirmed(channel, messages)
      yield* other.transport.publishConfirmed(channel, texts("b", 1))

      assert.deepStrictEqual(yield* look.textsIn(stream), [...named("a", 20), "b0"])
      assert.strictEqual((yield* jetStream.stats).duplicates, 40)
    }))

  it.live("keeps its order, and stores each once, while others publish on the channel", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("first", 1))
      let others = 0
      const publishing = yield* Effect.forkScoped(
        Effect.forever(Effect.andThen(look.publish(channel, "other"), Effect.sync(() => others++)))
      )
      yield* transport.publishConfirmed(channel, texts("a", 8000))
      yield* Fiber.interrupt(publishing)
      const stored = yield* look.textsIn(stream)
      const stats = yield* jetStream.stats

      assert.deepStrictEqual(stored.filter((text) => text.startsWith("a")), named("a", 8000))
      assert.isAtLeast(others, 2)
      assert.isAtLeast(stats.resyncs, 1)
      assert.isAtLeast(stats.foreign, 1)
      assert.isAtMost(stats.foreign, others + 1)
    }), 30_000)

  it.live(
    "loses the order of a channel on which it was told that order is nothing, and stores all the same",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url], ordering: "none" })
        const look = yield* onlooker(server)
        const publishing = yield* Effect.forkScoped(Effect.forever(look.publish(channel, "other")))
        yield* transport.publishConfirmed(channel, texts("a", 2000))
        yield* Fiber.interrupt(publishing)
        const stored = yield* look.textsIn(stream)

        assert.deepStrictEqual(
          stored.filter((text) => text.startsWith("a")).toSorted(),
          [...named("a", 2000)].toSorted()
        )
        assert.strictEqual((yield* jetStream.stats).resyncs, 0)
      }),
    30_000
  )

  it.live("finds a message whose acknowledgement was dropped, and does not store it again", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url], ackTimeout: "500 millis" })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("a", 10))
      let dropped = 0
      yield* proxy.drop((_, body) => body.includes(`"seq":`) && body.includes(stream) && dropped++ < 5)
      yield* transport.publishConfirmed(channel, texts("b", 5))
      yield* transport.publishConfirmed(channel, texts("c", 5))
      const stats = yield* jetStream.stats

      assert.deepStrictEqual(yield* look.textsIn(stream), [...named("a", 10), ...named("b", 5), ...named("c", 5)])
      assert.isAtLeast(dropped, 5)
      assert.isAtLeast(stats.ackTimeouts, 1)
      // what a slow broker had not stored when it was asked was sent again, and was there by then
      assert.isAtLeast(stats.foundStored + stats.duplicates, 5)
    }))

  it.live("finds messages of one id, of which one is stored", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream, transport } = yield* jetStreamOf({
        servers: [proxy.url],
        ackTimeout: "500 millis",
        stream: { duplicateWindow: "100 millis" }
      })
      const look = yield* onlooker(server)
      yield* jetStream.stream(channel)
      yield* proxy.drop((_, body) => body.includes(`"seq":`))
      const same = [...identified("a", 1), ...identified("a", 1), ...identified("a", 1, 1)]
      yield* transport.publishConfirmed(channel, same)

      assert.deepStrictEqual(yield* look.textsIn(stream), ["a0", "a1"])
      assert.strictEqual((yield* jetStream.stats).foundStored, 3)
    }))

  it.live("finds what a leader stored that was lost before it said so, when the next message comes to nobody", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url], ackTimeout: "60 seconds" })
      const look = yield* onlooker(server)
      const answers = yield* answersOf(look.client, proxy)
      const publishing = yield* Effect.forkScoped(transport.publishConfirmed(channel, texts("a", 3)))
      const third = yield* answers.of(3)
      look.client.publish(third.subject, undefined, { headers: headers(503, "No Responders") })
      yield* Effect.timeout(Fiber.join(publishing), "15 seconds")

      assert.deepStrictEqual(yield* look.textsIn(stream), named("a", 3))
      assert.strictEqual((yield* jetStream.stats).foundStored, 3)
    }))

  it.live("finds it without an order too, while others are acknowledged", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream, transport } = yield* jetStreamOf({
        servers: [proxy.url],
        ackTimeout: "400 millis",
        ordering: "none",
        stream: { duplicateWindow: "100 millis" }
      })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("a", 3))
      yield* proxy.drop((_, body) => /"seq":\s*4}/.test(body))
      const others = transport.publishConfirmed(channel, texts("other", 1)).pipe(
        Effect.andThen(Effect.sleep("20 millis")),
        Effect.forever
      )
      const lost = yield* Effect.forkScoped(transport.publishConfirmed(channel, texts("lost", 1)))
      yield* until("it is stored", Effect.map(look.lastSequence(stream), (last) => last === 4))
      const publishing = yield* Effect.forkScoped(others)
      yield* Effect.timeout(Fiber.join(lost), "10 seconds")
      yield* Fiber.interrupt(publishing)

      assert.strictEqual((yield* look.textsIn(stream)).filter((text) => text === "lost0").length, 1)
      assert.isAtLeast((yield* jetStream.stats).foundStored, 1)
    }))

  for (const fastPath of [true, false]) {
    it.live(`passes over what comes for its inbox and is no acknowledgement: fast path ${fastPath}`, () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { jetStream, transport } = yield* jetStreamOf({
          servers: [proxy.url],
          ackTimeout: "500 millis",
          fastPath
        })
        const look = yield* onlooker(server)
        yield* transport.publishConfirmed(channel, texts("a", 1))
        // of the answer, only its subject gets through, with these for it
        yield* proxy.drop((_, body) => body.includes(`"seq":`))
        const forged = ["{not json", "", "[]", "null", `{"seq":"1"}`, `{"seq":-1}`, `{"stream":"${stream}","seq":0}`]
        const forge = (subject: string) => {
          const inbox = subject.split(".").slice(0, -3).join(".")
          for (const body of forged) look.client.publish(subject, body)
          for (const other of ["x", "1", "1.1.x", "x.x.x", "1.1.-1", "1.1.9e9", "1..1", "1.1.1.1"]) {
            look.client.publish(`${inbox}.${other}`, "{}")
          }
        }
        let forgeries = 0
        look.client.subscribe("_INBOX.>", {
          callback: (_, message) => {
            if (message.string().includes(`"seq":2}`) && forgeries++ === 0) forge(message.subject)
          }
        })
        yield* Effect.promise(() => look.client.flush())
        yield* transport.publishConfirmed(channel, texts("b", 1))
        yield* proxy.drop(undefined)
        yield* transport.publishConfirmed(channel, texts("c", 1))

        assert.isAtLeast(forgeries, 1)
        assert.deepStrictEqual(yield* look.textsIn(stream), ["a0", "b0", "c0"])
        assert.strictEqual((yield* jetStream.stats).foundStored, 1)
        assert.strictEqual((yield* transport.stats).disconnects, 0)
      }))
  }

  it.live("needs only the last acknowledgement of many", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url], ackTimeout: "60 seconds" })
      yield* transport.publishConfirmed(channel, texts("a", 1))
      yield* proxy.drop((_, body) => /"seq":\s*([2-9]|1[0-9])}/.test(body))
      yield* transport.publishConfirmed(channel, texts("b", 19))

      assert.strictEqual((yield* jetStream.stats).ackTimeouts, 0)
    }))

  it.live(
    "goes on after the broker was killed in the middle of a window, without a gap or a repeat",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
        yield* transport.publishConfirmed(channel, texts("first", 1))
        const publishing = yield* Effect.forkScoped(transport.publishConfirmed(channel, texts("a", 12_000)))
        let killed = 0
        for (let round = 0; round < 3; round++) {
          const { published } = yield* transport.stats
          yield* until(
            "some more went",
            Effect.map(transport.stats, (stats) => stats.published > Math.min(published + 1500, 12_000))
          )
          if ((yield* transport.stats).unconfirmedBytes > 0) killed++
          yield* server.kill()
          yield* disconnected(transport)
          yield* server.restart
          yield* connected(transport)
        }
        yield* Fiber.join(publishing)
        const look = yield* onlooker(server)
        const stored = yield* look.textsIn(stream)

        assert.isAtLeast(killed, 1)
        assert.deepStrictEqual(stored.slice(1), named("a", 12_000))
        assert.isAtLeast((yield* jetStream.stats).resent, 1)
      }),
    60_000
  )

  it.live(
    "stores once what was on its way in an outage longer than the duplicate window",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { jetStream, transport } = yield* jetStreamOf({
          servers: [proxy.url],
          stream: { duplicateWindow: "2 seconds" }
        })
        const look = yield* onlooker(server)
        yield* transport.publishConfirmed(channel, texts("first", 1))
        yield* proxy.hold("answers")
        const publishing = yield* Effect.forkScoped(transport.publishConfirmed(channel, texts("a", 100)))
        yield* until("the broker has them", Effect.map(look.lastSequence(stream), (last) => last === 101))
        const unanswered = (yield* transport.stats).unconfirmedBytes
        yield* server.kill()
        yield* proxy.forget
        yield* proxy.cut
        yield* Effect.sleep("5 seconds")
        yield* server.restart
        yield* Fiber.join(publishing)
        yield* transport.publishConfirmed(channel, texts("b", 10))
        const after = yield* onlooker(server)
        const stats = yield* jetStream.stats

        assert.isAbove(unanswered, 0)
        assert.deepStrictEqual(yield* after.textsIn(stream), ["first0", ...named("a", 100), ...named("b", 10)])
        assert.strictEqual(stats.foundStored, 100)
        assert.strictEqual(stats.duplicates, 0)
      }),
    30_000
  )

  it.live(
    "fails while the broker is away and keeps nothing; what it had taken is stored afterwards",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { transport } = yield* jetStreamOf({ servers: [proxy.url] })
        yield* transport.publishConfirmed(channel, texts("first", 1))
        yield* proxy.hold("everything")
        yield* transport.publishAll(channel, texts("a", 10))
        yield* server.kill()
        yield* proxy.forget
        yield* proxy.cut
        yield* disconnected(transport)
        const errors = [
          yield* Effect.flip(transport.publish(channel, texts("b", 1)[0]!)),
          yield* Effect.flip(transport.publishConfirmed(channel, texts("c", 1))),
          yield* Effect.flip(transport.flush)
        ]
        yield* server.restart
        yield* connected(transport)
        yield* transport.flush
        const look = yield* onlooker(server)

        for (const error of errors) assert.strictEqual(reasonOf(error), "NotConnected")
        assert.deepStrictEqual(yield* look.textsIn(stream), ["first0", ...named("a", 10)])
        assert.strictEqual((yield* transport.stats).uncertain, 0)
      }),
    30_000
  )

  it.live("goes on when what was refused turns out to be stored", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { transport } = yield* jetStreamOf({
        servers: [proxy.url],
        stream: { maxMessages: 10, discard: "new" },
        ackTimeout: "60 seconds"
      })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("a", 10))
      yield* transport.publishAll(channel, texts("b", 1))
      yield* Effect.flip(transport.publishConfirmed(channel, texts("c", 1)))
      yield* answersOf(look.client, proxy)
      yield* Effect.promise(() => look.manager.streams.purge(stream))
      yield* until("it is stored", Effect.map(look.textsIn(stream), (all) => all.includes("b0")))
      yield* proxy.drop(undefined)
      yield* proxy.cut
      yield* disconnected(transport)
      yield* connected(transport)
      yield* settled(transport)
      yield* transport.publishConfirmed(channel, texts("d", 1))

      assert.deepStrictEqual(yield* look.textsIn(stream), ["b0", "d0"])
    }))

  it.live(
    "gives back what a full stream refuses, and keeps what nobody could be told of",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const { transport } = yield* jetStreamOf({
          servers: [server.url],
          stream: { maxMessages: 10, discard: "new" }
        })
        const look = yield* onlooker(server)
        yield* transport.publishConfirmed(channel, texts("a", 8))
        const refused = yield* Effect.flip(transport.publishConfirmed(channel, texts("b", 5)))
        yield* transport.publishAll(channel, texts("c", 3))
        yield* until(
          "others are refused at once",
          Effect.match(transport.publish(channel, texts("d", 1)[0]!), {
            onFailure: (error) => reasonOf(error) === "JetStreamRefused",
            onSuccess: () => false
          })
        )
        const full = yield* look.textsIn(stream)
        yield* Effect.promise(() => look.manager.streams.purge(stream))
        yield* settled(transport)
        const after = yield* look.textsIn(stream)

        assert.strictEqual(
          refused.message,
          `JetStream cannot store messages for channel "${channel}": maximum messages exceeded (10077)`
        )
        assert.isTrue(refused.isRetryable)
        assert.deepStrictEqual(full, [...named("a", 8), "b0", "b1"])
        assert.deepStrictEqual(after.filter((text) => text.startsWith("c")), named("c", 3))
      }),
    30_000
  )

  it.live("says so when JetStream is not there, and goes on when it is", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ config: "" })
      const { transport } = yield* jetStreamOf({ servers: [server.url] })
      const error = yield* Effect.flip(transport.publishConfirmed(channel, texts("a", 1)))

      assert.strictEqual(reasonOf(error), "JetStreamRefused")
      assert.include(error.message, "JetStream is not enabled")
    }))

  it.live("says so when the credentials may not publish, and keeps nothing of it", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({
        jetstream: true,
        config: `authorization: { users: [
          { user: u, password: p, permissions: { publish: { deny: ["${channel}"] } } }
        ] }`
      })
      const { transport } = yield* jetStreamOf({ servers: [server.url.replace("//", "//u:p@")] })
      const error = yield* Effect.flip(transport.publishConfirmed(channel, texts("a", 3)))

      assert.strictEqual(reasonOf(error), "PermissionDenied")
      assert.strictEqual((yield* transport.stats).publishErrors, 3)
      assert.strictEqual((yield* transport.stats).unconfirmedBytes, 0)
    }))

  it.live("gives core subscribers what is published, and stores what core publishers publish", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      yield* jetStream.stream(channel)
      const received: Array<string> = []
      look.client.subscribe(channel, { callback: (_, message) => void received.push(message.string()) })
      yield* Effect.promise(() => look.client.flush())
      yield* transport.publishConfirmed(channel, texts("a", 2))
      yield* look.publish(channel, "core")
      yield* until("they came", Effect.sync(() => received.length === 3))

      assert.deepStrictEqual(yield* look.textsIn(stream), ["a0", "a1", "core"])
      assert.include(received[0], textOf(texts("a", 1)[0]!))
    }))
})
