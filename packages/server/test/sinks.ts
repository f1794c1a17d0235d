/** Egress streams of tests: sinks, their failures, and what they were given. */
import { Delivery } from "@kps/connector"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { type Fault, type Hooks, Lost, Poison, settle, text } from "./streams.ts"

export const lost = new Lost({ message: "gone" })
export const poison = new Poison({ message: "cannot be read" })
export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)
export const texts = (batch: ReadonlyArray<Delivery.Outgoing>) => batch.map(({ payload }) => text(payload))

export const sink = (
  deliver: (batch: ReadonlyArray<Delivery.Outgoing>) => Effect.Effect<Delivery.Outcome<Fault>, Fault>,
  check?: Effect.Effect<void, Fault>
): Hooks => ({
  egress: () =>
    Effect.succeed(
      Delivery.sinkPartial<Fault, never>({ idempotent: false, deliver, ...(check === undefined ? {} : { check }) })
    )
})

export const pass = (millis: number) =>
  Effect.repeat(Effect.andThen(TestClock.adjust(50), settle), { times: millis / 50 - 1 })
