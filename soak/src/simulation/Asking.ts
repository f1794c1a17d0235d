/** A question to the broker, and what it fails with while the broker is away. */
import { TransportError } from "@kps/transport"
import { Effect } from "effect"
import type { Broker } from "./Broker.ts"
import type { Machine } from "./Machine.ts"

export const server = "simulated:4222"

export const notConnected = (handedOver = 0): TransportError.TransportError =>
  new TransportError.TransportError({
    reason: new TransportError.NotConnected({
      servers: [server],
      handedOver,
      cause: new Error("the broker is away")
    })
  })

/** Fails while the broker is away, as everything does that begins. */
export const asking = <A>(
  machine: Machine,
  broker: Broker,
  act: () => A
): Effect.Effect<A, TransportError.TransportError> =>
  Effect.suspend(() =>
    broker.isAway
      ? Effect.fail(notConnected())
      : machine.ask(Effect.suspend(() => broker.isAway ? Effect.fail(notConnected()) : Effect.sync(act)))
  )
