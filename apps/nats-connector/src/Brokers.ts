/**
 * The outside brokers: one connection for each and each secret that it is shown, shared by streams, closed when the last of them leaves.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RcMap from "effect/RcMap"
import type * as Scope from "effect/Scope"
import * as Broker from "./Broker.ts"
import * as Client from "./Client.ts"
import { Credentials } from "./Credentials.ts"
import { brokerKey } from "./Parameters.ts"

export class Brokers extends Context.Service<Brokers, {
  /** The broker at this address, shown this secret, for as long as the scope is open. Does not connect yet. */
  readonly get: (broker: string, credentials: string | undefined) => Effect.Effect<Broker.Broker, never, Scope.Scope>
}>()("nats-connector/Brokers") {}

class Key extends Data.Class<{ readonly broker: string; readonly credentials: string | undefined }> {}

/** Real brokers. */
export const layer = (options: {
  /** What the brokers' monitoring shows as the name of the connection. */
  readonly name: string
}): Layer.Layer<Brokers, never, Credentials> =>
  Layer.effect(
    Brokers,
    Effect.gen(function*() {
      const { of } = yield* Credentials
      const brokers = yield* RcMap.make({
        lookup: ({ broker, credentials }: Key) =>
          Broker.make(
            broker,
            Effect.flatMap(
              credentials === undefined ? Effect.undefined : of(credentials, broker),
              (secret) => Client.connect({ broker, name: options.name, credentials, secret })
            )
          )
      })
      return {
        get: (broker, credentials) => RcMap.get(brokers, new Key({ broker: brokerKey(broker), credentials }))
      }
    })
  )
