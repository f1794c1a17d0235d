/**
 * The numbers of guarantees, and how they are shown.
 *
 * @since 0.1.0
 */

/**
 * How much the parts of a running stream hold at most. A test of the server holds them to what it does.
 *
 * @category constants
 * @since 0.1.0
 */
export const numbers = {
  /** Of an acknowledged or resumable source: read, and published together. */
  roundPayloads: 4_096,
  roundBytes: 1_048_576,
  /** Of a lossy source on JetStream: sent, and not stored yet. */
  unconfirmedMessages: 4_096,
  unconfirmedBytes: 8_388_608,
  /** Given to a sink at once. */
  batch: 512,
  /** Set aside for another try while others pass. */
  aside: 1_024,
  /** Waiting in a process for its egress stream. */
  bufferedPayloads: 65_536,
  bufferedBytes: 8_388_608,
  /** Messages that the readers of one consumer hold, and for how long, in milliseconds; where the broker did not say. */
  ackPending: 1_000,
  ackWaitMillis: 30_000,
  /** How often a position is saved in a bucket, in milliseconds. */
  savePositionMillis: 1_000,
  /** After how long nats-server writes what it has stored through to the disk, unless it is told otherwise, in milliseconds. */
  syncMillis: 120_000
} as const

const units: ReadonlyArray<readonly [unit: string, millis: number]> = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000]
]

/**
 * A duration with one unit, such as `2 min`.
 *
 * @category rendering
 * @since 0.1.0
 */
export const duration = (millis: number): string => {
  if (millis === Infinity) return "ever"
  const [unit, size] = units.find(([, size]) => millis >= size && millis % size === 0) ?? ["ms", 1]
  return size === 1 && millis >= 1_000 ? `${Number((millis / 1_000).toFixed(3))} s` : `${millis / size} ${unit}`
}

/**
 * A size, such as `8 MiB`.
 *
 * @category rendering
 * @since 0.1.0
 */
export const size = (bytes: number): string =>
  bytes >= 1_048_576
    ? `${Number((bytes / 1_048_576).toFixed(1))} MiB`
    : bytes >= 1_024
    ? `${Number((bytes / 1_024).toFixed(1))} KiB`
    : `${bytes} bytes`

/**
 * A whole number with commas.
 *
 * @category rendering
 * @since 0.1.0
 */
export const count = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",")
