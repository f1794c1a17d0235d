import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Array as Arr, Effect, Option, Schema, Stream } from "effect"
import { bytes, channel, egress, type Hooks, spec, text } from "./streams.ts"
import { eventually, onlooker, replica } from "./support/StoredReplica.ts"

/** Sources that give numbers without a pause, and say how many they gave; a sink that remembers what it was given. */
const size = 50

const payloads = (from: number) => Arr.map(Arr.range(from, from + size - 1), (n) => bytes(`${n}`))

const endless = () => {
  const read: Record<string, number> = { acknowledged: 0, resumable: 0, lossy: 0 }
  const acked: Array<string> = []
  const delivered: Array<string> = []
  const from = (name: string, start: number) =>
    Stream.map(
      Stream.fromEffectRepeat(Effect.map(Effect.sleep(5), () => read[name]!++)),
      (_, i) => start + i * size
    )
  const sources: Record<string, Delivery.Source<never>> = {
    acknowledged: Delivery.acknowledged(
      // The outside gives again what was not acknowledged when the lease was lost with the broker.
      Stream.map(Stream.suspend(() => from("acknowledged", acked.length)), (n) => ({
        payloads: payloads(n),
        ack: Effect.sync(() => acked.push(...payloads(n).map(text)))
      }))
    ),
    resumable: Delivery.resumable({
      position: Schema.Int,
      from: (at) =>
        Stream.map(from("resumable", Option.getOrElse(at, () => 0)), (n) => ({
          payloads: payloads(n),
          position: n + size
        }))
    }),
    lossy: Delivery.lossy(Stream.flattenArray(Stream.map(from("lossy", 0), payloads)))
  }
  const hooks: Hooks = {
    ingress: ({ id }) => Effect.succeed(sources[id]!),
    egress: () =>
      Effect.succeed(Delivery.sink({
        idempotent: true,
        deliver: (batch) => Effect.sync(() => delivered.push(...batch.map(({ payload }) => text(payload))))
      }))
  }
  return { acked, delivered, hooks, read }
}

const ids = ["acknowledged", "resumable", "lossy"]
const named = (count: number) => Array.from({ length: count }, (_, i) => `${i}`)

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("Streams over JetStream"), () => {
  it.live(
    "read no more while the broker is away, say so, and go on where they were when it is back",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const { acked, delivered, hooks, read } = endless()
        const one = yield* replica(server.url, hooks)
        const out = { ...egress("out"), channel: channel("ch.acknowledged") }
        yield* one.apply(...ids.map((id) => spec(id)), out)
        const counts = Effect.sync(() => ids.map((id) => read[id]!))
        yield* eventually("flow", counts, (all) => all.every((count) => count > 20))
        yield* server.kill()
        const at = performance.now()
        yield* eventually("that they say so", one.states, (all) => all.every((state) => state.includes("UNAVAILABLE")))
        assert.isBelow(performance.now() - at, 5_000)
        // What is read ahead is bounded: some thousands, and no more after that.
        let before = yield* counts
        yield* eventually(
          "that they pause",
          Effect.delay(
            Effect.map(counts, (now) => {
              const isSame = now.join() === before.join()
              before = now
              return isSame
            }),
            "500 millis"
          ),
          (isSame) => isSame
        )
        const ackedBefore = acked.length
        yield* server.restart
        yield* eventually("that they run again", one.states, (all) => all.every((state) => state.includes("Running")))
        yield* eventually("flow", counts, (now) => now.every((count, i) => count > before[i]!))
        yield* eventually("acknowledgements", Effect.sync(() => acked.length), (count) => count > ackedBefore)
        yield* one.streams.drain({ timeout: "20 seconds" })
        yield* one.end
        const look = yield* onlooker(server.url)
        const resumed = (yield* look.stored(channel("ch.resumable"))).map(({ text }) => text)
        const taken = (yield* look.stored(channel("ch.acknowledged"))).map(({ text }) => text)

        assert.deepStrictEqual(resumed, named(resumed.length))
        assert.deepStrictEqual(acked, named(acked.length))
        const once = Array.from(new Set(taken))
        assert.deepStrictEqual(once, named(once.length))
        assert.isAtLeast(once.length, acked.length)
        assert.deepStrictEqual(Array.from(new Set(delivered)), named(new Set(delivered).size))
      }),
    120_000
  )

  it.live(
    "finish what they took when they are told to end: it is stored, and acknowledged",
    () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.make({ jetstream: true })
        const { acked, hooks, read } = endless()
        const one = yield* replica(url, hooks)
        yield* one.apply(spec("acknowledged"))
        yield* eventually("flow", Effect.sync(() => acked.length), (count) => count > 1_000)
        yield* one.streams.drain({ timeout: "20 seconds" })
        const look = yield* onlooker(url)
        const stored = (yield* look.stored(channel("ch.acknowledged"))).map(({ text }) => text)

        assert.strictEqual(acked.length, read["acknowledged"]! * size)
        assert.deepStrictEqual(stored, named(acked.length))
      }),
    60_000
  )
})
