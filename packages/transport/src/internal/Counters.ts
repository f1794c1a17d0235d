/** The mutable twin of `TransportStats`. */
import type { TransportStats } from "../Transport.ts"

export type Counters = { -readonly [K in keyof TransportStats]: TransportStats[K] }

export const make = (): Counters => ({
  published: 0,
  received: 0,
  malformed: 0,
  dropped: 0,
  uncertain: 0,
  unconfirmedBytes: 0,
  publishErrors: 0,
  connectErrors: 0,
  disconnects: 0
})
