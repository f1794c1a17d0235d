import { assert, describe, it } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Fiber } from "effect"
import { answersOf, identified, jetStreamOf, named, onlooker, proxyOf, texts } from "./jetstream.ts"
import { channelOf, connected, disconnected, until } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = "KPS_plant_line-1"

const reasonOf = (error: { readonly reason: { readonly _tag: string } }) => error.reason._tag

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, a lost disk"), () => {
  it.live(
    "stores what was not confirmed on a broker that comes back without its disk, and counts that",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url] })
        yield* transport.publishConfirmed(channel, texts("gone", 10))
        yield* transport.publishAll(channel, texts("a", 3000))
        yield* proxy.hold("answers")
        yield* server.loseDisk
        yield* proxy.forget
        yield* proxy.cut
        yield* disconnected(transport)
        const unanswered = (yield* transport.stats).unconfirmedBytes
        yield* server.restart
        yield* connected(transport)
        yield* transport.flush
        yield* transport.publishConfirmed(channel, texts("b", 10))
        const look = yield* onlooker(server)
        const stored = yield* look.textsIn(stream)
        const [first = ""] = stored

        assert.isAbove(unanswered, 0)
        // from the first that was not confirmed, to the last, without a gap
        assert.deepStrictEqual(stored, [...named("a", 3000).slice(Number(first.slice(1))), ...named("b", 10)])
        assert.strictEqual((yield* jetStream.stats).streamsRemade, 1)
      }),
    30_000
  )

  it.live(
    "gives a call back of which a lost disk had some, and stores all of it in order when it comes again",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url] })
        const messages = identified("a", 500)
        yield* transport.publishConfirmed(channel, texts("gone", 1))
        let answers = 0
        yield* proxy.drop((_, body) => body.includes(`"seq":`) && body.includes(stream) && answers++ >= 100)
        const publishing = yield* Effect.forkScoped(Effect.flip(transport.publishConfirmed(channel, messages)))
        yield* until("every answer", Effect.sync(() => answers === 500))
        yield* server.loseDisk
        yield* disconnected(transport)
        yield* proxy.drop(undefined)
        yield* server.restart
        const error = yield* Fiber.join(publishing)
        yield* transport.publishConfirmed(channel, messages)
        const look = yield* onlooker(server)

        assert.strictEqual(reasonOf(error), "JetStreamRefused")
        assert.isTrue(error.isRetryable)
        assert.deepStrictEqual(yield* look.textsIn(stream), named("a", 500))
        assert.strictEqual((yield* jetStream.stats).streamsRemade, 1)
        assert.strictEqual((yield* transport.stats).unconfirmedBytes, 0)
      }),
    30_000
  )

  it.live(
    "gives a call back of which a lost disk had all that was sent, though more was to come",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { transport } = yield* jetStreamOf({
          servers: [proxy.url],
          maxUnconfirmedMessages: 10,
          ackTimeout: "60 seconds"
        })
        const look = yield* onlooker(server)
        const answers = yield* answersOf(look.client, proxy)
        const unconfirmed = (bytes: number) =>
          until(
            `${bytes} bytes wait`,
            Effect.map(transport.stats, ({ unconfirmedBytes }) => unconfirmedBytes === bytes)
          )
        const give = (sequence: number) => Effect.map(answers.of(sequence), answers.give)
        // the window is never half empty, so that the call, of which 10 are taken, waits with the rest
        const publishing = yield* Effect.forkScoped(
          Effect.flip(transport.publishConfirmed(channel, texts("a", 15, 10)))
        )
        yield* answers.of(10)
        const one = (yield* transport.stats).unconfirmedBytes / 10
        for (const sequence of [4, 8]) {
          yield* give(sequence)
          yield* unconfirmed(6 * one)
          yield* transport.publishAll(channel, texts("b", 4, 10))
        }
        yield* give(10)
        yield* unconfirmed(8 * one)
        yield* server.loseDisk
        yield* disconnected(transport)
        yield* answers.giveAll
        yield* server.restart
        yield* connected(transport)
        const error = yield* Effect.timeout(Fiber.join(publishing), "15 seconds")
        yield* transport.flush
        const after = yield* onlooker(server)

        assert.strictEqual(reasonOf(error), "JetStreamRefused")
        assert.deepStrictEqual(yield* after.textsIn(stream), [...named("b", 4, 10), ...named("b", 4, 10)])
      }),
    30_000
  )
})
