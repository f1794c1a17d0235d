import { assert, it } from "@effect/vitest"
import type { NatsConnection } from "@nats-io/transport-node"
import { Effect, Fiber } from "effect"
import * as Counters from "../src/internal/Counters.ts"
import * as counters from "../src/internal/jetstream/counters.ts"
import type { Ground } from "../src/internal/jetstream/Ground.ts"
import { Sessions } from "../src/internal/jetstream/Sessions.ts"
import * as writing from "../src/internal/jetstream/writing.ts"
import { channelOf, text } from "./support.ts"

it.effect("lets go of the writers of channels on which nothing was published for a minute", () =>
  Effect.gen(function*() {
    let now = 0
    const ground: Ground = {
      sessions: new Sessions(),
      connected: Effect.succeed({ info: { max_payload: 1_048_576 } } as NatsConnection), // all that is asked of it
      away: Effect.never,
      ensure: () => Effect.never,
      counters: Counters.make(),
      stats: counters.make(),
      watched: new Set(),
      now: () => now,
      maxUnconfirmedMessages: 10,
      maxUnconfirmedBytes: 1000,
      maxBufferedPayloads: 10,
      maxBufferedBytes: 1000,
      ackMillis: 1000,
      drainMillis: 1000,
      ordered: true,
      group: {}
    }
    const { publishAll } = yield* writing.make(ground)
    const look = (at: number) => {
      now = at
      for (const one of ground.watched) one.check()
      return ground.watched.size
    }
    const none = ground.watched.size
    const waiting = yield* Effect.forkChild(publishAll(channelOf("a"), [text("a")]), { startImmediately: true })
    const left = yield* Effect.forkChild(publishAll(channelOf("b"), [text("b")]), { startImmediately: true })
    yield* Fiber.interrupt(left)
    const before = look(59_000)
    const after = look(61_000)
    yield* Fiber.interrupt(waiting)

    // "a" is waited for
    assert.deepStrictEqual([before - none, after - none, look(61_000) - none], [2, 1, 0])
  }))
