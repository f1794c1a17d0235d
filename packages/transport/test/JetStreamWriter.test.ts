import { assert, describe, it } from "@effect/vitest"
import type { Channel, JetStream, TransportError } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Exit, Fiber, Option, Scope } from "effect"
import { answersOf, identified, jetStreamOf, named, onlooker, proxyOf, texts } from "./jetstream.ts"
import { channelOf, connected, disconnected, until } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = "KPS_plant_line-1"

const positioned = (prefix: string, count: number, from = 0) => identified(prefix, count, from, true)

const withHeaders = (
  message: Channel.Message,
  headers: Pick<JetStream.PublishedMessage, "id" | "position">
): JetStream.PublishedMessage => ({ ...message, ...headers })

const fencedBy = (error: TransportError.TransportError) => {
  assert(error.reason._tag === "WriterFenced", error.message)
  return error.reason
}

const positionOf = ({ message }: JetStream.ResumePoint) => Option.getOrThrow(message).position

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, exclusive writers"), () => {
  it.live("puts position and epoch on each message, and finds them as the resume point", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const empty = yield* jetStream.resumePoint(channel)
      const writer = yield* jetStream.writer(channel, { epoch: 3, after: empty.sequence })
      yield* writer.publishConfirmed(positioned("a", 10))
      // none of them has a position
      for (let i = 0; i < 150; i++) look.client.publish(channel, "other")
      yield* look.publish(channel, "last")
      const point = yield* jetStream.resumePoint(channel)
      const stored = yield* look.stored(stream)

      assert.deepStrictEqual(empty, { sequence: 0, message: Option.none() })
      assert.deepStrictEqual(point, {
        sequence: 161,
        message: Option.some({ sequence: 10, id: "n9@3", position: "10", epoch: 3 })
      })
      assert.deepStrictEqual(stored[0], { sequence: 1, text: "a0", id: "n0@3", position: "1", epoch: "3" })
      assert.deepStrictEqual(
        yield* jetStream.lastMessage(channel),
        Option.some({ sequence: 161, id: undefined, position: undefined, epoch: undefined })
      )
    }))

  it.live("gives nothing as the last message of an empty channel", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })

      assert.deepStrictEqual(yield* jetStream.lastMessage(channel), Option.none())
    }))

  it.live("passes over messages without an epoch, and counts them", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const writer = yield* jetStream.writer(channel, { epoch: 1 })
      yield* writer.publishConfirmed(positioned("a", 3))
      yield* look.publish(channel, "core")
      yield* transport.publishConfirmed(channel, texts("plain", 1))
      yield* writer.publishConfirmed(positioned("a", 3, 3))

      assert.deepStrictEqual(yield* look.textsIn(stream), [...named("a", 3), "core", "plain0", ...named("a", 3, 3)])
      assert.strictEqual((yield* jetStream.stats).foreign, 2)
      assert.strictEqual(yield* writer.sequence, 8)
    }))

  it.live("can store nothing after its successor has: neither what it had sent before, nor what it sends then", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const old = yield* jetStreamOf({ servers: [proxy.url], ackTimeout: "300 millis" })
      const young = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const first = yield* old.jetStream.writer(channel, { epoch: 1 })
      yield* first.publishConfirmed(positioned("a", 5))
      // the old holder stops, with messages on their way
      yield* proxy.hold("everything")
      const sent = yield* Effect.forkScoped(first.publishConfirmed(positioned("a", 20, 5)))
      const kept = yield* Effect.forkScoped(first.publishAll(positioned("a", 5, 25)))
      yield* Fiber.join(kept)
      const point = yield* young.jetStream.resumePoint(channel)
      const second = yield* young.jetStream.writer(channel, { epoch: 2, after: point.sequence })
      // the same ids, from the same source
      yield* second.publishConfirmed(positioned("b", 3, Number(positionOf(point))))
      // and goes on
      yield* proxy.release
      const error = fencedBy(yield* Effect.flip(Fiber.join(sent)))
      const later = fencedBy(yield* Effect.flip(first.publishConfirmed(positioned("a", 1, 30))))
      yield* second.publishConfirmed(positioned("b", 3, 8))
      const reopened = yield* Effect.flip(old.jetStream.writer(channel, { epoch: 1 }))

      assert.strictEqual(error.message, later.message)
      assert.strictEqual(
        error.message,
        `writer of epoch 1 on "${channel}" is fenced: message 6 is of epoch 2`
      )
      assert.isFalse(error.isRetryable)
      assert.strictEqual(fencedBy(reopened).found, 2)
      assert.deepStrictEqual(yield* look.textsIn(stream), [...named("a", 5), ...named("b", 3, 5), ...named("b", 3, 8)])
      assert.strictEqual((yield* old.transport.stats).publishErrors, 26)
    }))

  it.live("is told when its predecessor published after the resume point was read, and can begin again", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const first = yield* jetStream.writer(channel, { epoch: 1 })
      yield* first.publishConfirmed(positioned("a", 2))
      const stale = yield* jetStream.resumePoint(channel)
      const second = yield* jetStream.writer(channel, { epoch: 2, after: stale.sequence })
      yield* first.publishConfirmed(positioned("a", 1, 2))
      const error = fencedBy(yield* Effect.flip(second.publishConfirmed(positioned("b", 1, 2))))
      const point = yield* jetStream.resumePoint(channel)
      const third = yield* jetStream.writer(channel, { epoch: 2, after: point.sequence })
      yield* third.publishConfirmed(positioned("b", 1, 3))

      assert.strictEqual(error.found, 1)
      assert.isTrue(error.isRetryable)
      assert.strictEqual(positionOf(point), "3")
      assert.deepStrictEqual(yield* look.textsIn(stream), ["a0", "a1", "a2", "b3"])
    }))

  it.live("goes on behind messages that it has stored already", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url], ackTimeout: "60 seconds" })
      const look = yield* onlooker(server)
      const writer = yield* jetStream.writer(channel, { epoch: 1 })
      yield* writer.publishConfirmed(positioned("a", 5))
      // not by a timeout of its answers
      yield* writer.publishConfirmed(positioned("a", 1, 1)).pipe(Effect.timeout("15 seconds"))
      yield* writer.publishConfirmed(positioned("a", 4, 3)).pipe(Effect.timeout("15 seconds"))

      assert.deepStrictEqual(yield* look.textsIn(stream), named("a", 7))
      assert.strictEqual((yield* jetStream.stats).duplicates, 3)
      assert.strictEqual(yield* writer.sequence, 7)
    }))

  it.live("is fenced by a resume point that is not the last message", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })
      const first = yield* jetStream.writer(channel, { epoch: 1 })
      yield* first.publishConfirmed(positioned("a", 5))
      const error = yield* Effect.flip(jetStream.writer(channel, { epoch: 2, after: 3 }))

      assert.strictEqual(fencedBy(error).sequence, 4)
    }))

  it.live(
    "follows its own messages without a gap or a repeat through broken connections and a killed broker",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { jetStream, transport } = yield* jetStreamOf({
          servers: [proxy.url],
          ackTimeout: "500 millis",
          stream: { duplicateWindow: "100 millis" }
        })
        const writer = yield* jetStream.writer(channel, { epoch: 7 })
        const publishing = yield* Effect.forkScoped(writer.publishConfirmed(positioned("a", 10_000)))
        for (let round = 0; round < 6; round++) {
          const { published } = yield* transport.stats
          yield* until(
            "some more went",
            Effect.map(transport.stats, (stats) => stats.published > published + 500 || stats.published === 10_000)
          )
          yield* proxy.hold("answers")
          yield* Effect.sleep("30 millis")
          if (round === 3) {
            yield* server.kill()
            yield* disconnected(transport)
            yield* proxy.forget
            yield* server.restart
          } else {
            yield* proxy.forget
            yield* proxy.cut
            yield* disconnected(transport)
          }
          yield* connected(transport)
        }
        yield* Fiber.join(publishing)
        const look = yield* onlooker(server)

        assert.deepStrictEqual(yield* look.textsIn(stream), named("a", 10_000))
        assert.isAtLeast((yield* jetStream.stats).foundStored, 1)
      }),
    60_000
  )

  it.live("opens though the connection breaks while it looks at what is stored", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url] })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("a", 1))
      yield* proxy.hold("questions")
      const opening = yield* Effect.forkScoped(jetStream.writer(channel, { epoch: 1 }))
      yield* until(
        "a question",
        Effect.map(proxy.asked, (asked) => asked.some((said) => Buffer.from(said).includes("$JS.API.")))
      )
      yield* proxy.cut
      yield* disconnected(transport)
      yield* proxy.forget
      const writer = yield* Effect.timeout(Fiber.join(opening), "20 seconds")
      yield* writer.publishConfirmed(texts("b", 1))

      assert.deepStrictEqual(yield* look.textsIn(stream), ["a0", "b0"])
    }), 30_000)

  it.live("goes on though the connection breaks again while it reads what is stored", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url], ackTimeout: "60 seconds" })
      const look = yield* onlooker(server)
      const writer = yield* jetStream.writer(channel, { epoch: 1 })
      yield* answersOf(look.client, proxy)
      yield* writer.publishAll(positioned("a", 1000))
      yield* until("all are stored", Effect.map(look.lastSequence(stream), (last) => last === 1000))
      let read = 0
      // nothing comes after the first 400, not that there is nothing more either
      yield* proxy.drop((_, body) => (body.includes("Kps-Epoch") && read++ >= 400) || read > 400)
      yield* proxy.cut
      yield* disconnected(transport)
      yield* until("it reads", Effect.sync(() => read > 400), "20 seconds")
      // no answer of this connection comes any more
      yield* proxy.hold("answers")
      yield* proxy.drop(undefined)
      yield* proxy.cut
      yield* disconnected(transport)
      yield* proxy.release
      yield* writer.flush.pipe(Effect.timeout("30 seconds"))
      yield* connected(transport)
      yield* writer.publishConfirmed(positioned("a", 1, 1000))

      assert.deepStrictEqual(yield* look.textsIn(stream), named("a", 1001))
      assert.strictEqual((yield* jetStream.stats).foundStored, 1000)
      assert.strictEqual((yield* jetStream.stats).foreign, 0)
    }), 60_000)

  it.live("stores what it took when its scope is closed, and takes no more", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const scope = yield* Scope.make()
      const writer = yield* Scope.provide(jetStream.writer(channel, { epoch: 1 }), scope)
      yield* writer.publishAll(positioned("a", 100))
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(writer.publishAll(positioned("a", 1, 100)))

      assert.strictEqual(error.reason._tag, "Closed")
      assert.deepStrictEqual(yield* look.textsIn(stream), named("a", 100))
    }))

  for (const retention of ["interest", "workqueue"] as const) {
    it.live(`is refused on a stream with retention ${retention}, in which nothing would fence it`, () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const { jetStream } = yield* jetStreamOf({ servers: [server.url], stream: { retention } })
        const look = yield* onlooker(server)
        const error = yield* Effect.flip(jetStream.writer(channel, { epoch: 1 }))

        assert.strictEqual(error.reason._tag, "WriterUnfenced")
        assert.include(error.message, `stream "${stream}" has retention "${retention}"`)
        assert.strictEqual(yield* look.lastSequence(stream), 0)
      }))
  }

  it.live("refuses epochs, sequences, ids and positions that cannot be right", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const [message] = texts("a", 1)
      assert(message !== undefined)
      const errors = [
        yield* Effect.flip(jetStream.writer(channel, { epoch: -1 })),
        yield* Effect.flip(jetStream.writer(channel, { epoch: 0.5 })),
        yield* Effect.flip(jetStream.writer(channel, { epoch: 1, after: -1 })),
        ...(yield* Effect.forEach(
          ["", "a\r\nKps-Epoch: 9", "x".repeat(129)],
          (id) => Effect.flip(transport.publishConfirmed(channel, [withHeaders(message, { id })]))
        )),
        ...(yield* Effect.forEach(
          [" 1", "x".repeat(16_385)],
          (position) => Effect.flip(transport.publishConfirmed(channel, [withHeaders(message, { position })]))
        ))
      ]

      assert.deepStrictEqual(errors.map(({ message }) => message), [
        "invalid option \"epoch\": it is -1, want a whole number of at least 0",
        "invalid option \"epoch\": it is 0.5, want a whole number of at least 0",
        "invalid option \"after\": it is -1, want a whole number of at least 0",
        "invalid option \"id\": it is empty",
        "invalid option \"id\": it has a line break, or white space at an end",
        "invalid option \"id\": it has 129 bytes, the limit is 128 bytes",
        "invalid option \"position\": it has a line break, or white space at an end",
        "invalid option \"position\": it has 16385 bytes, the limit is 16384 bytes"
      ])
    }))
})
