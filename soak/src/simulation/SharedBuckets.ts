/** The shared state as one process of the simulation reaches it. */
import { Bucket, StateError } from "@kps/server"
import { Effect, Stream } from "effect"
import type { Broker } from "./Broker.ts"
import type { Machine } from "./Machine.ts"

export const make = (
  machine: Machine,
  broker: Broker,
  shared: Bucket.Buckets["Service"]
): Bucket.Buckets["Service"] => {
  const through = (bucket: Bucket.Bucket): Bucket.Bucket => {
    const reach = <A>(key: string, operation: string, act: Effect.Effect<A, StateError.StateError>) => {
      const unlessAway = Effect.suspend(() =>
        broker.isAway
          ? Effect.fail(
            new StateError.StateError({
              reason: new StateError.Unavailable({
                operation,
                bucket: bucket.name,
                key,
                cause: new Error("the broker is away")
              })
            })
          )
          : Effect.void
      )
      return unlessAway.pipe(
        Effect.andThen(machine.ask(Effect.andThen(unlessAway, act))),
        // an answer that is lost leaves open what was done
        Effect.tap(() => unlessAway)
      )
    }
    return {
      name: bucket.name,
      created: reach("", "look at", bucket.created),
      get: (key) => reach(key, "read", bucket.get(key)),
      put: (key, value, expected) => reach(key, "write", bucket.put(key, value, expected)),
      remove: (key, expected) => reach(key, "remove", bucket.remove(key, expected)),
      list: (filter) => reach(filter, "list", bucket.list(filter)),
      watch: (filter) =>
        Stream.mapEffect(bucket.watch(filter), (change) =>
          broker.whenThere.pipe(
            Effect.andThen(Effect.sleep(2)),
            Effect.andThen(machine.alive),
            Effect.as(change)
          ))
    }
  }
  const opened = new Map<string, Bucket.Bucket>()
  return {
    open: (name) => {
      const bucket = opened.get(name) ?? through(shared.open(name))
      opened.set(name, bucket)
      return bucket
    }
  }
}
