import { assert, describe, it } from "@effect/vitest"
import type { JetStream } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { jetstream } from "@nats-io/jetstream"
import { Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { cpSync } from "node:fs"
import { dirname, join } from "node:path"
import { identified, jetStreamOf, named, onlooker, proxyOf, textOf, texts } from "./jetstream.ts"
import { channelOf, connected, disconnected, monitored, until } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = "KPS_plant_line-1"

/** Reads a consumer in the background, one delivery at a time out of what came. */
const reading = (consumer: JetStream.Consumer) =>
  Effect.gen(function*() {
    const queue = yield* Queue.unbounded<JetStream.Delivery>()
    yield* consumer.deliveries.pipe(
      Stream.runForEachArray((deliveries) => Queue.offerAll(queue, deliveries)),
      Effect.forkScoped
    )
    return {
      take: (count: number) =>
        Queue.takeN(queue, count).pipe(
          Effect.timeoutOrElse({
            duration: "10 seconds",
            orElse: () =>
              Effect.flatMap(Queue.size(queue), (size) => Effect.die(new Error(`${size} came, want ${count}`)))
          })
        ),
      size: Queue.size(queue)
    }
  })

const textsOf = (deliveries: ReadonlyArray<JetStream.Delivery>) => deliveries.map(textOf)

/** A reader that opens in a scope of its own. */
const opened = (jetStream: JetStream.JetStream["Service"], options: JetStream.ConsumerOptions) =>
  Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const consumer = yield* Scope.provide(jetStream.consumer(channel, options), scope)
    const reader = yield* Scope.provide(reading(consumer), scope)
    return { consumer, ...reader, close: Scope.close(scope, Exit.void) }
  })

const ackFloor = (consumer: JetStream.Consumer) => Effect.map(consumer.state, (state) => state.ackFloor)

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, consumers"), () => {
  it.live("delivers what is stored with its sequence, id, position and headers, and remembers what is acknowledged", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      yield* transport.publishConfirmed(channel, identified("a", 10, 0, true))
      const first = yield* opened(jetStream, { name: "egress" })
      const taken = yield* first.take(10)
      yield* first.consumer.ack(taken.slice(0, 4))
      yield* until("four are acknowledged", Effect.map(ackFloor(first.consumer), (floor) => floor === 4))
      const state = yield* first.consumer.state
      yield* first.close
      const second = yield* opened(jetStream, { name: "egress" })
      const again = yield* second.take(6)

      assert.deepStrictEqual(textsOf(taken), named("a", 10))
      assert.deepStrictEqual(taken.map(({ sequence }) => sequence), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      assert.strictEqual(taken[2]?.id, "n2")
      assert.strictEqual(taken[2]?.position, "3")
      assert.strictEqual(taken[2]?.epoch, undefined)
      assert.strictEqual(taken[2]?.deliveryCount, 1)
      assert.approximately(taken[2]?.storedMillis ?? 0, Date.now(), 60_000)
      assert.strictEqual(new Map(taken[2]?.headers).get("Kps-Position"), "3")
      assert.deepStrictEqual(state, { pending: 0, ackPending: 6, ackFloor: 4 })
      assert.deepStrictEqual(textsOf(again), named("a", 6, 4))
      assert.deepStrictEqual(again.map(({ deliveryCount }) => deliveryCount), [2, 2, 2, 2, 2, 2])
    }))

  it.live(
    "gives the next exclusive reader at once, and in order, what one that crashed had not acknowledged",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const crashing = yield* jetStreamOf({ servers: [proxy.url] })
        const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
        yield* transport.publishConfirmed(channel, texts("a", 100))
        const first = yield* opened(crashing.jetStream, { name: "egress", exclusive: true, maxAckPending: 40 })
        const taken = yield* first.take(40)
        yield* first.consumer.ack(taken.slice(0, 15))
        yield* until("they are acknowledged", Effect.map(ackFloor(first.consumer), (floor) => floor === 15))
        // nothing of it comes out any more, as of a process that is gone
        yield* proxy.hold("everything")
        const second = yield* opened(jetStream, { name: "egress", exclusive: true, maxAckPending: 40 })
        const rest: Array<JetStream.Delivery> = []
        while (rest.length < 85) {
          const [next] = yield* second.take(1)
          assert(next !== undefined)
          rest.push(next)
          yield* second.consumer.ack([next])
        }

        assert.deepStrictEqual(textsOf(rest), named("a", 85, 15))
        assert.isAtLeast((yield* jetStream.stats).redelivered, 25)
      }),
    20_000
  )

  it.live(
    "loses nothing and keeps the order when a reader ends while it is given what another one had",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
        yield* transport.publishConfirmed(channel, texts("a", 100))
        const options = { name: "egress", exclusive: true, maxAckPending: 60 } as const
        yield* Effect.scoped(opened(jetStream, options))
        const { client } = yield* onlooker(server)
        // as one that was given 60, and was gone when the one after it had been given back all, and had 30 of them
        yield* Effect.promise(async () => {
          const consumer = await jetstream(client).consumers.get(stream, "egress")
          let count = 0
          for await (const message of await consumer.fetch({ max_messages: 60, expires: 5_000 })) {
            if (++count > 30) message.nak()
            if (count === 60) break
          }
          await client.flush()
        })
        const last = yield* opened(jetStream, options)
        const rest: Array<string> = []
        while (rest.length < 100) {
          const deliveries = yield* last.take(1)
          rest.push(...textsOf(deliveries))
          yield* last.consumer.ack(deliveries)
        }

        assert.deepStrictEqual(rest, named("a", 100))
      }),
    20_000
  )

  it.live(
    "keeps the order of an exclusive reader that holds something when what it was sent comes again in another order",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url] })
        yield* transport.publishConfirmed(channel, texts("a", 100))
        const reader = yield* opened(jetStream, { name: "egress", exclusive: true, maxAckPending: 60 })
        const taken = yield* reader.take(60)
        const [held] = taken
        assert(held !== undefined)
        yield* proxy.leave
        const { client } = yield* onlooker(server)
        // as a connection that broke twice: what was sent on the first one is waiting in part, when all is given back
        yield* Effect.promise(async () => {
          for (const { sequence } of taken.slice(1)) {
            client.publish(`$JS.ACK.${stream}.egress.1.${sequence}.${sequence}.0.0`, "+ACK")
          }
          const consumer = await jetstream(client).consumers.get(stream, "egress")
          let count = 0
          for await (const message of await consumer.fetch({ max_messages: 40, expires: 5_000 })) {
            if (++count > 20) message.nak()
            if (count === 40) break
          }
          await client.flush()
        })
        yield* reader.consumer.ack(taken.slice(1))
        yield* proxy.back
        const rest = yield* reader.take(40)
        yield* reader.consumer.ack([held])

        assert.deepStrictEqual(textsOf(rest), named("a", 40, 60))
      }),
    20_000
  )

  it.live(
    "keeps the order of an exclusive reader through broken connections and a killed broker",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url] })
        const direct = yield* jetStreamOf({ servers: [server.url] })
        yield* direct.transport.publishConfirmed(channel, texts("a", 6000))
        const reader = yield* opened(jetStream, { name: "egress", exclusive: true, maxAckPending: 200 })
        const read: Array<string> = []
        for (let round = 0; round < 6; round++) {
          while (read.length < (round + 1) * 1000) {
            const deliveries = yield* reader.take(20)
            read.push(...textsOf(deliveries))
            yield* reader.consumer.ack(deliveries)
          }
          // what is on its way is lost
          yield* proxy.hold("answers")
          yield* Effect.sleep("20 millis")
          yield* proxy.forget
          if (round === 2) yield* server.kill()
          else yield* proxy.cut
          yield* disconnected(transport)
          if (round === 2) yield* server.restart
          yield* connected(transport)
        }

        assert.deepStrictEqual(read, named("a", 6000))
        assert.isAtLeast((yield* jetStream.stats).redelivered, 1)
      }),
    60_000
  )

  it.live("keeps the order of an exclusive reader when another one takes from it", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      const reader = yield* opened(jetStream, { name: "egress", exclusive: true, maxAckPending: 10 })
      let stolen = 0
      look.client.subscribe("thief", { callback: () => void stolen++ })
      const steal = Effect.promise(async () => {
        look.client.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.egress`, "3", { reply: "thief" })
        await look.client.flush()
      })
      const read: Array<string> = []
      for (let i = 0; i < 60; i += 6) {
        if (i === 12) yield* steal
        yield* transport.publishConfirmed(channel, texts("a", 6, i))
        const deliveries = yield* reader.take(6)
        read.push(...textsOf(deliveries))
        yield* reader.consumer.ack(deliveries)
      }

      assert.deepStrictEqual(read, named("a", 60))
      assert.isAtLeast(stolen, 1)
    }), 30_000)

  it.live("shares messages among readers, each of them once", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const seen: Array<Array<string>> = []
      for (let reader = 0; reader < 3; reader++) {
        const mine: Array<string> = []
        seen.push(mine)
        const consumer = yield* jetStream.consumer(channel, { name: "egress", maxAckPending: 60 })
        yield* consumer.deliveries.pipe(
          Stream.runForEachArray((deliveries) => {
            mine.push(...textsOf(deliveries))
            return Effect.delay(consumer.ack(deliveries), "2 millis")
          }),
          Effect.forkScoped
        )
      }
      yield* transport.publishConfirmed(channel, texts("a", 3000))
      yield* until("all have come", Effect.sync(() => seen.flat().length >= 3000))
      yield* Effect.sleep("100 millis")

      assert.deepStrictEqual(seen.flat().toSorted(), [...named("a", 3000)].toSorted())
      for (const mine of seen) assert.isAtLeast(mine.length, 1)
    }))

  it.live("keeps the lease of what is held and of what waits, for longer than a lease lasts", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      yield* transport.publishConfirmed(channel, texts("a", 20))
      const consumer = yield* jetStream.consumer(channel, { name: "egress", ackWait: "2 seconds", maxAckPending: 10 })
      const pulled = yield* Queue.unbounded<ReadonlyArray<JetStream.Delivery>>()
      // reads once, and no more until it is told to
      const more = yield* Deferred.make<void>()
      yield* consumer.deliveries.pipe(
        Stream.runForEachArray((deliveries) => Effect.andThen(Queue.offer(pulled, deliveries), Deferred.await(more))),
        Effect.forkScoped
      )
      const held = yield* Queue.take(pulled)
      const other = yield* opened(jetStream, { name: "egress" })
      yield* Effect.sleep("3 seconds")
      const meanwhile = yield* other.size
      yield* other.close

      assert.isAtLeast(held.length, 1)
      assert.strictEqual(meanwhile, 0)
      assert.strictEqual((yield* jetStream.stats).redelivered, 0)
    }))

  it.live("leaves leases to its user when it is told to, who may extend them", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      yield* transport.publishConfirmed(channel, texts("a", 2))
      const options = { name: "egress", ackWait: "2 seconds", lease: "user" } as const
      const slow = yield* opened(jetStream, options)
      const [extended, left] = yield* slow.take(2)
      assert(extended !== undefined && left !== undefined)
      const other = yield* opened(jetStream, options)
      yield* Effect.forkScoped(Effect.forever(Effect.delay(slow.consumer.extend([extended]), "200 millis")))
      // either reader may get what is delivered again: this one knows that it holds it
      const again = Effect.map(other.size, (size) => left.deliveryCount === 2 || size === 1)
      yield* until("the one that is left comes again", again)
      const taken = yield* other.take(yield* other.size)

      assert.strictEqual((yield* jetStream.stats).redelivered, 1)
      assert.strictEqual(extended.deliveryCount, 1)
      assert.deepStrictEqual(textsOf(taken), left.deliveryCount === 2 ? [] : ["a1"])
    }))

  it.live("delivers again what is given back, after the delay", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      yield* transport.publishConfirmed(channel, texts("a", 3))
      const reader = yield* opened(jetStream, { name: "egress", exclusive: true })
      const [one, two, three] = yield* reader.take(3)
      assert(one !== undefined && two !== undefined && three !== undefined)
      const before = performance.now()
      yield* reader.consumer.giveBack([one])
      yield* reader.consumer.giveBack([two], { delay: "500 millis" })
      const [first] = yield* reader.take(1)
      const [second] = yield* reader.take(1)
      const waited = performance.now() - before
      yield* reader.consumer.ack([one, two])
      yield* reader.consumer.ack([first!, second!, three])
      yield* until("all are acknowledged", Effect.map(ackFloor(reader.consumer), (floor) => floor === 3))

      assert.strictEqual(textOf(first!), "a0")
      assert.strictEqual(first?.deliveryCount, 2)
      assert.strictEqual(textOf(second!), "a1")
      assert.isAtLeast(waited, 400)
      assert.strictEqual((yield* jetStream.stats).acknowledged, 3)
    }))

  for (const exclusive of [true, false]) {
    it.live(
      `sends acknowledgements that the broker was away for: exclusive ${exclusive}`,
      () =>
        Effect.gen(function*() {
          const server = yield* NatsServer.make({ jetstream: true })
          const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
          yield* transport.publishConfirmed(channel, texts("a", 10))
          const reader = yield* opened(jetStream, { name: "egress", exclusive, ackWait: "1 second" })
          const taken = yield* reader.take(10)
          yield* server.kill()
          yield* disconnected(transport)
          yield* reader.consumer.ack(taken)
          yield* server.restart
          yield* connected(transport)
          yield* until("all are acknowledged", Effect.map(ackFloor(reader.consumer), (floor) => floor === 10))
          yield* Effect.sleep("1500 millis")

          assert.strictEqual(yield* reader.size, 0)
          assert.deepStrictEqual(yield* reader.consumer.state, { pending: 0, ackPending: 0, ackFloor: 10 })
        }),
      20_000
    )
  }

  it.live("hands over frames that are no messages, acknowledges them, and goes on", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("a", 1))
      look.client.publish(channel, Uint8Array.of(0x1a, 0x10))
      look.client.publish(channel, Uint8Array.of(0x1a, 0x11))
      yield* look.publish(channel, "after")
      const malformed: Array<JetStream.MalformedDelivery> = []
      const reader = yield* opened(jetStream, {
        name: "egress",
        onMalformed: (frame) =>
          Effect.sync(() => {
            malformed.push(frame)
            if (malformed.length === 1) throw new Error("a handler that throws")
          })
      })
      const taken = yield* reader.take(2)
      yield* reader.consumer.ack(taken)
      yield* until(
        "the second one is acknowledged",
        Effect.map(reader.consumer.state, (state) => state.ackPending === 1)
      )

      assert.deepStrictEqual(textsOf(taken), ["a0", "after"])
      assert.deepStrictEqual(malformed.map(({ sequence }) => sequence), [2, 3])
      assert.deepStrictEqual([...malformed[0]!.frame], [0x1a, 0x10])
      assert.strictEqual(malformed[0]?.error.reason._tag, "MalformedFrame")
      assert.strictEqual((yield* transport.stats).malformed, 2)
    }))

  it.live("tells an exclusive reader what was removed before it could read it", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url], stream: { maxMessages: 10 } })
      let missed = 0
      const onMissed = (count: number) => Effect.sync(() => void (missed += count))
      yield* transport.publishConfirmed(channel, texts("gone", 30))
      const reader = yield* opened(jetStream, { name: "egress", exclusive: true, maxAckPending: 5, onMissed })
      const read = [...yield* reader.take(5)]
      yield* transport.publishConfirmed(channel, texts("a", 100))
      yield* reader.consumer.ack(read)
      while (read.at(-1)?.sequence !== 130) {
        const [next] = yield* reader.take(1)
        assert(next !== undefined)
        read.push(next)
        yield* reader.consumer.ack([next])
      }
      yield* until("it is told", Effect.sync(() => missed > 0))

      // the stream began with 21 when the reader did
      assert.strictEqual(missed, 110 - read.length)
      assert.strictEqual((yield* jetStream.stats).missed, missed)
    }))

  it.live("delivers what a broker stores that came back with less than it had", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const { config } = yield* monitored<{ readonly config: { readonly store_dir: string } }>(server, "/jsz")
      // the whole folder goes with the disk
      const copy = join(dirname(config.store_dir), "..", "copy")
      const reader = yield* opened(jetStream, { name: "egress", exclusive: true })
      yield* transport.publishConfirmed(channel, texts("a", 2))
      yield* reader.consumer.ack(yield* reader.take(2))
      yield* until("both are acknowledged", Effect.map(ackFloor(reader.consumer), (floor) => floor === 2))
      yield* server.kill("SIGTERM")
      cpSync(config.store_dir, copy, { recursive: true })
      yield* server.restart
      yield* connected(transport)
      yield* transport.publishConfirmed(channel, texts("lost", 3))
      yield* reader.consumer.ack(yield* reader.take(3))
      yield* server.loseDisk
      cpSync(copy, config.store_dir, { recursive: true })
      yield* disconnected(transport)
      yield* server.restart
      yield* connected(transport)
      yield* transport.publishConfirmed(channel, texts("b", 3))

      assert.deepStrictEqual(textsOf(yield* reader.take(3)), named("b", 3))
    }), 20_000)

  it.live(
    "has all that is stored on a stream that was made anew, also when it began with what was new",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const proxy = yield* proxyOf(server)
        const reading = yield* jetStreamOf({ servers: [proxy.url] })
        const writing = yield* jetStreamOf({ servers: [server.url] })
        const reader = yield* opened(reading.jetStream, { name: "egress", from: "new" })
        yield* writing.transport.publishConfirmed(channel, texts("a", 2))
        yield* reader.consumer.ack(yield* reader.take(2))
        yield* proxy.hold("everything")
        yield* server.loseDisk
        yield* disconnected(writing.transport)
        yield* server.restart
        yield* connected(writing.transport)
        // the writer has made the stream anew before the reader is back
        yield* writing.transport.publishConfirmed(channel, texts("b", 5))
        yield* proxy.forget
        yield* proxy.cut

        assert.deepStrictEqual(textsOf(yield* reader.take(5)), named("b", 5))
      }),
    20_000
  )

  it.live("goes on where it was when its consumer is removed while the broker is away", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream, transport } = yield* jetStreamOf({ servers: [proxy.url] })
      const look = yield* onlooker(server)
      const reader = yield* opened(jetStream, { name: "egress", from: "new" })
      yield* transport.publishConfirmed(channel, texts("a", 1))
      yield* reader.consumer.ack(yield* reader.take(1))
      yield* until("it is acknowledged", Effect.map(reader.consumer.state, ({ ackFloor }) => ackFloor === 1))
      yield* proxy.hold("everything")
      yield* look.deleteConsumer(stream, "egress")
      yield* look.publish(channel, "meanwhile")
      yield* proxy.forget
      yield* proxy.cut

      // from the last floor that this reader knows of: what it acknowledged since comes again, and is acknowledged again
      assert.deepStrictEqual(textsOf(yield* reader.take(1)), ["meanwhile"])
      yield* until("it is acknowledged", Effect.map(reader.consumer.state, ({ ackPending }) => ackPending === 1))
      assert.strictEqual(yield* reader.size, 0)
    }))

  it.live("gives back what waits when it drains, and ends", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      yield* transport.publishConfirmed(channel, texts("a", 50))
      const enough = yield* Deferred.make<void>()
      const consumer = yield* jetStream.consumer(channel, { name: "egress", drainWhen: Deferred.await(enough) })
      yield* until("they are on their way", Effect.map(consumer.state, (state) => state.ackPending === 50))
      yield* Deferred.succeed(enough, undefined)
      const read = yield* Stream.runCollect(consumer.deliveries)
      const next = yield* opened(jetStream, { name: "egress" })
      const taken = yield* next.take(50)

      assert.deepStrictEqual(read, [])
      assert.deepStrictEqual(textsOf(taken).toSorted(), [...named("a", 50)].toSorted())
      assert.strictEqual((yield* jetStream.stats).givenBack, 50)
    }))

  it.live("gives back what was still on its way when it was closed", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const proxy = yield* proxyOf(server)
      const { jetStream } = yield* jetStreamOf({ servers: [proxy.url] })
      const direct = yield* jetStreamOf({ servers: [server.url] })
      const leaving = yield* opened(jetStream, { name: "egress" })
      yield* proxy.hold("answers")
      yield* direct.transport.publishConfirmed(channel, texts("a", 5))
      const look = yield* onlooker(server)
      const ackPending = Effect.promise(async () =>
        (await look.manager.consumers.info(stream, "egress")).num_ack_pending
      )
      yield* until("they are on their way", Effect.map(ackPending, (count) => count === 5))
      const closing = yield* Effect.forkScoped(leaving.close)
      yield* proxy.release
      yield* Fiber.join(closing)
      const next = yield* opened(direct.jetStream, { name: "egress" })

      assert.deepStrictEqual(textsOf(yield* next.take(5)), named("a", 5))
    }))

  it.live("begins where it is told, and says what of a consumer that is there cannot be", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("a", 10))
      const fourth = yield* opened(jetStream, { name: "fourth", from: { sequence: 4 } })
      const fresh = yield* opened(jetStream, { name: "fresh", from: "new", exclusive: true })
      yield* transport.publishConfirmed(channel, texts("b", 1))
      const taken = [yield* fourth.take(8), yield* fresh.take(1)]
      yield* Effect.promise(() => look.manager.consumers.add(stream, { durable_name: "none", ack_policy: "none" }))
      const error = yield* Effect.flip(Effect.scoped(jetStream.consumer(channel, { name: "none" })))
      yield* opened(jetStream, { name: "fourth", ackWait: "7 seconds", maxAckPending: 11 })
      const { config } = yield* Effect.promise(() => look.manager.consumers.info(stream, "fourth"))

      assert.deepStrictEqual(taken.map(textsOf), [[...named("a", 7, 3), "b0"], ["b0"]])
      assert.strictEqual((yield* jetStream.stats).missed, 0)
      assert.strictEqual(
        error.message,
        `consumer "none" of stream "${stream}" of channel "${channel}" has other settings: `
          + "ack_policy: want explicit, got none"
      )
      assert.strictEqual(config.ack_wait, 7_000_000_000)
      assert.strictEqual(config.max_ack_pending, 11)
    }))

  it.live("is not shared with a queue group of its name, nor the other way round", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const _group = yield* transport.subscription(channel, { queue: "group" })
      yield* jetStream.consumer(channel, { name: "egress" })
      const errors = [
        yield* Effect.flip(Effect.scoped(jetStream.consumer(channel, { name: "group" }))),
        yield* Effect.flip(Effect.scoped(transport.subscription(channel, { queue: "egress" })))
      ]

      assert.deepStrictEqual(errors.map(({ message }) => message), [
        `consumer "group" of stream "${stream}" of channel "${channel}" has other settings: `
        + "use: want consumer, got queue group",
        `consumer "egress" of stream "${stream}" of channel "${channel}" has other settings: `
        + "use: want queue group, got consumer"
      ])
    }))

  it.live("is made again where it was when somebody deletes it", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url] })
      const look = yield* onlooker(server)
      yield* transport.publishConfirmed(channel, texts("a", 10))
      const reader = yield* opened(jetStream, { name: "egress", exclusive: true })
      yield* reader.consumer.ack(yield* reader.take(10))
      yield* until("all are acknowledged", Effect.map(ackFloor(reader.consumer), (floor) => floor === 10))
      yield* look.deleteConsumer(stream, "egress")
      yield* transport.publishConfirmed(channel, texts("b", 10))

      assert.deepStrictEqual(textsOf(yield* reader.take(10)), named("b", 10))
    }), 20_000)

  it.live("takes no more than it has room for, in bytes too, however large a message is", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream, transport } = yield* jetStreamOf({ servers: [server.url], maxBufferedBytes: 100_000 })
      const payload = new Uint8Array(300_000)
      for (let i = 0; i < 40; i++) {
        yield* transport.publishConfirmed(channel, [{ timestampNanos: 0n, payloads: [payload] }])
      }
      const consumer = yield* jetStream.consumer(channel, { name: "egress" })
      yield* Effect.sleep("500 millis")
      const { ackPending } = yield* consumer.state
      const count = yield* consumer.deliveries.pipe(
        Stream.mapArrayEffect((deliveries) => Effect.as(consumer.ack(deliveries), deliveries)),
        Stream.take(40),
        Stream.runCount
      )

      assert.strictEqual(count, 40)
      // two messages of the largest size fit
      assert.isAtMost(ackPending, 8)
    }), 20_000)

  it.live("refuses options that cannot be right", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { jetStream } = yield* jetStreamOf({ servers: [server.url] })
      const wrong: ReadonlyArray<JetStream.ConsumerOptions> = [
        { name: "a.b" },
        { name: "a", ackWait: "1 millis" },
        { name: "a", maxAckPending: 0 },
        { name: "a", from: { sequence: 0 } }
      ]
      const errors = yield* Effect.forEach(wrong, (options) =>
        Effect.flip(Effect.scoped(jetStream.consumer(channel, options))))

      assert.deepStrictEqual(
        errors.map(({ message }) =>
          message
        ),
        [
          "invalid option \"name\": it contains white space, a control character or one of . * > / \\",
          "invalid option \"ackWait\": it is 1 ms, want at least 100 ms",
          "invalid option \"maxAckPending\": it is 0, want a whole number of at least 1",
          "invalid option \"from\": its sequence is 0, want a whole number of at least 1"
        ]
      )
    }))
})
