/** Counts what arrives, for the subscribers among the roles. */
import { Effect } from "effect"
import { cpuMicros, type Handlers, monotonicNanos } from "./Role.ts"

export interface Arrivals {
  /** So many payloads came just now. */
  readonly add: (payloads: number) => void
  /** The commands "begin" and "await". */
  readonly handlers: Handlers
}

// without anything new for so long, no more is to come
const idleNanos = 1.5e9

export const make = (): Arrivals => {
  let received = 0
  let expected = Number.POSITIVE_INFINITY
  let lastNanos = 0
  let noted = 0
  let startedCpu = 0
  return {
    add: (payloads) => {
      received += payloads
      // a clock reading for each payload would be measured too
      if (received - noted >= 64 || received >= expected) {
        noted = received
        lastNanos = monotonicNanos()
      }
    },
    handlers: {
      begin: () =>
        Effect.sync(() => {
          received = 0
          noted = 0
          expected = Number.POSITIVE_INFINITY
          lastNanos = monotonicNanos()
          startedCpu = cpuMicros()
          return {}
        }),
      await: ({ count = 0 }) =>
        Effect.gen(function*() {
          expected = count
          if (received > noted) lastNanos = monotonicNanos()
          const isComplete = () => received >= expected
          for (let seen = received, since = monotonicNanos(); !isComplete(); yield* Effect.sleep(2)) {
            if (received !== seen) {
              seen = received
              since = monotonicNanos()
            }
            if (monotonicNanos() - since > idleNanos) break
          }
          return { received, lastNanos, cpuMicros: cpuMicros() - startedCpu }
        })
    }
  }
}
