/** The mutable twin of `JetStreamStats`. */
import type { JetStreamStats } from "../../JetStream.ts"

export type JetStreamCounters = { -readonly [K in keyof JetStreamStats]: JetStreamStats[K] }

export const make = (): JetStreamCounters => ({
  sent: 0,
  resent: 0,
  resyncs: 0,
  duplicates: 0,
  foundStored: 0,
  foreign: 0,
  ackTimeouts: 0,
  streamsRemade: 0,
  acknowledged: 0,
  redelivered: 0,
  givenBack: 0,
  missed: 0
})
