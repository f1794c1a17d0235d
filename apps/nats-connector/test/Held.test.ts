import { assert, describe, it } from "@effect/vitest"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { Effect } from "effect"
import * as Client from "../src/Client.ts"
import * as Held from "../src/Held.ts"
import * as JetStreamSession from "../src/JetStreamSession.ts"
import { natsClient, until } from "./support.ts"

const durable = "reader"

/** A stream with messages, a durable consumer of it, and whoever reads by it. */
const world = Effect.fnUntraced(function*(count: number, others: number) {
  const outside = yield* natsServer({ jetstream: true })
  const nc = yield* natsClient(outside.url)
  const { consumers, streams } = yield* Effect.promise(() => jetstreamManager(nc))
  yield* Effect.promise(() => streams.add({ name: "PLANT", subjects: ["plant.>"] }))
  yield* Effect.promise(() =>
    consumers.add("PLANT", { durable_name: durable, ack_policy: "explicit", filter_subject: "plant.a" })
  )
  const js = jetstream(nc)
  for (let n = 1; n <= count; n++) {
    yield* Effect.promise(() => js.publish("plant.a", `${n}`))
    for (let other = 0; other < others; other++) yield* Effect.promise(() => js.publish("plant.b", "other"))
  }
  const inbox = "_INBOX.reader"
  const read: Array<{ readonly text: string; readonly reply: string }> = []
  nc.subscribe(inbox, {
    callback: (_, message) => {
      if (message.reply?.startsWith("$JS.ACK.") === true) read.push({ text: message.string(), reply: message.reply })
    }
  })
  return {
    broker: outside.url,
    nc,
    lastSequence: Effect.promise(async () => (await streams.info("PLANT")).state.last_seq),
    info: Effect.promise(() => consumers.info("PLANT", durable)),
    /** Reads so many more, and acknowledges none. */
    pull: Effect.fnUntraced(function*(batch: number) {
      const before = read.length
      nc.publish(`$JS.API.CONSUMER.MSG.NEXT.PLANT.${durable}`, JSON.stringify({ batch }), { reply: inbox })
      yield* until(`${batch} messages`, Effect.sync(() => read.length === before + batch))
      return read.slice(before)
    })
  }
})

describe.skipIf(binary() === undefined)(suiteName("natsconnector, what another reader held"), () => {
  for (const others of [0, 20]) {
    it.live(`comes again in order, also what it was given after the broker was asked: ${others} of others between`, () =>
      Effect.gen(function*() {
        const { broker, info, lastSequence, nc, pull } = yield* world(100, others)
        yield* pull(20)
        const before = yield* info
        const late = yield* pull(60)
        // as the broker does by itself with what it cannot deliver any more
        for (const { reply } of late.slice(-30)) nc.publish(reply, "-NAK")
        yield* Effect.promise(() => nc.flush())
        const client = yield* Client.connect({ broker, name: "test", credentials: undefined, secret: undefined })
        const session = yield* JetStreamSession.open(broker, client)
        yield* Held.recall(session, before, yield* lastSequence)
        const again = yield* pull(100)

        assert.deepStrictEqual(again.map(({ text }) => text), Array.from({ length: 100 }, (_, n) => `${n + 1}`))
      }))
  }
})
