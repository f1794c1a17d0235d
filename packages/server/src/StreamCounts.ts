/**
 * What went through the streams, by id and direction: plain numbers, read by whoever wants to know.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"
import { Latency } from "./Latency.ts"
import type { StreamStats } from "./StreamSpec.ts"

/** How long the counts of a stream that is gone are kept: longer than anybody waits between two readings. */
const keptMillis = 5 * 60_000

/** The most streams that are gone and whose counts are kept. */
const mostKept = 1_000

/**
 * The counts of one stream. They outlive its runs.
 *
 * @category models
 * @since 0.1.0
 */
export class StreamCounts {
  readonly id: string
  readonly direction: Connector.StreamDirection
  readonly stats: { -readonly [K in keyof StreamStats]: StreamStats[K] } = {
    received: 0,
    published: 0,
    delivered: 0,
    failed: 0,
    dropped: 0,
    deadLettered: 0,
    evicted: 0,
    uncertain: 0,
    malformed: 0,
    overflowed: 0
  }
  /** How long the sink takes for a batch. */
  readonly deliveries = new Latency()
  /** Counts the payloads that were taken and are not done with: set by what is at work, which can tell at any time. */
  inFlight: () => number = none

  constructor(id: string, direction: Connector.StreamDirection) {
    this.id = id
    this.direction = direction
  }

  /** One function for all that the stream publishes. */
  readonly onUncertain = (_messages: number, payloads: number): void => {
    this.stats.uncertain += payloads
  }

  /** Nothing is at work. */
  rest(): void {
    this.inFlight = none
  }
}

const none = () => 0

/**
 * The counts of the streams that there are, and of those that were there lately.
 *
 * **Details**
 *
 * A stream that comes back within five minutes, with the same direction, goes on counting where it was: a counter that
 * somebody reads does not go back. Of streams that are gone 1,000 are kept at most, the last ones.
 *
 * @category models
 * @since 0.1.0
 */
export class Ledger {
  private readonly now: () => number
  private readonly gone = new Map<string, { readonly counts: StreamCounts; readonly at: number }>()

  /** `now` is in milliseconds since the Unix epoch. */
  constructor(now: () => number) {
    this.now = now
  }

  /** The counts of a stream that comes. */
  open(id: string, direction: Connector.StreamDirection): StreamCounts {
    this.forget()
    const name = key(id, direction)
    const { counts } = this.gone.get(name) ?? { counts: new StreamCounts(id, direction) }
    this.gone.delete(name)
    return counts
  }

  /** The stream is gone, or will be as soon as it has stopped. */
  close(counts: StreamCounts): void {
    const name = key(counts.id, counts.direction)
    this.gone.delete(name)
    this.gone.set(name, { counts, at: this.now() })
    this.forget()
  }

  /** The streams that are gone and not forgotten, oldest first. */
  get past(): ReadonlyArray<StreamCounts> {
    this.forget()
    return Array.from(this.gone.values(), ({ counts }) => counts)
  }

  private forget(): void {
    const until = this.now() - keptMillis
    for (const [name, { at }] of this.gone) {
      if (at > until && this.gone.size <= mostKept) return
      this.gone.delete(name)
    }
  }
}

const key = (id: string, direction: Connector.StreamDirection): string => `${direction} ${id}`
