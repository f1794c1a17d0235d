/**
 * The outside brokers: one connection for each, shared by its streams, closed when the last of them leaves.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import * as Broker from "./Broker.ts"
import * as Client from "./Client.ts"
import { Credentials } from "./Credentials.ts"
import { brokerKey } from "./Parameters.ts"

export class Brokers extends Context.Service<Brokers, {
  /** The broker at this address, for as long as the scope is open. Does not connect yet. */
  readonly get: (broker: string) => Effect.Effect<Broker.Broker, never, Scope.Scope>
}>()("nats-connector/Brokers") {}

/** Real brokers. */
export const layer = (options: {
  /** What the brokers' monitoring shows as the name of the connection. */
  readonly name: string
}): Layer.Layer<Brokers, never, Credentials> =>
  Layer.effect(
    Brokers,
    Effect.gen(function*() {
      const credentials = yield* Credentials
      const brokers = yield* RcMap.make({
        lookup: (broker: string) =>
          Broker.make(
            broker,
            Effect.flatMap(
              credentials.of(broker),
              (credentials) => Client.connect({ broker, name: options.name, credentials })
            )
          )
      })
      return { get: (broker) => RcMap.get(brokers, brokerKey(broker)) }
    })
  )
