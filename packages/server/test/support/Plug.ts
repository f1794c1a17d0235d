import { Effect, Stream } from "effect"
import type { Bucket, Buckets } from "../../src/Bucket.ts"
import { StateError, Unavailable } from "../../src/StateError.ts"

/** Buckets that a test cuts off from where they are kept, as a broken network does: for one process alone. */
export class Plug {
  private in = true
  private hears = true
  readonly buckets: Buckets["Service"]

  constructor(buckets: Buckets["Service"]) {
    this.buckets = { open: (name) => this.through(buckets.open(name)) }
  }

  readonly pull = Effect.sync(() => {
    this.in = false
  })

  readonly push = Effect.sync(() => {
    this.in = true
  })

  /** Watches tell nothing any more; everything else goes on. */
  readonly deafen = Effect.sync(() => {
    this.hears = false
  })

  private through(bucket: Bucket): Bucket {
    const gate = <A>(key: string, effect: Effect.Effect<A, StateError>) =>
      Effect.suspend(() =>
        this.in
          ? effect
          : Effect.fail(
            new StateError({
              reason: new Unavailable({ operation: "reach", bucket: bucket.name, key, cause: new Error("pulled") })
            })
          )
      )
    return {
      name: bucket.name,
      created: gate("", bucket.created),
      get: (key) => gate(key, bucket.get(key)),
      put: (key, value, expected) => gate(key, bucket.put(key, value, expected)),
      remove: (key, expected) => gate(key, bucket.remove(key, expected)),
      list: (filter) => gate(filter, bucket.list(filter)),
      watch: (filter) => Stream.filter(bucket.watch(filter), () => this.in && this.hears)
    }
  }
}
