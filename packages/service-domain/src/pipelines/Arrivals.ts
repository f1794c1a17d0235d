/**
 * What came from JetStream and is to be acknowledged, when everything that comes of it is stored.
 *
 * @since 0.1.0
 */
import type { JetStream } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

interface Arrival {
  readonly delivery: JetStream.Delivery
  readonly consumer: JetStream.Consumer
  /** Begins the ids of what comes of it. */
  readonly prefix: string
  outputs: number
}

/**
 * Numbers what comes in, over all inputs, from 1.
 *
 * **Details**
 *
 * What comes of one delivery has ids that are made from the input, the delivery's sequence and time there, and a count: a
 * delivery that comes again after a crash gives the same ids, so that an output stores it once.
 */
export class Arrivals {
  private last = 0
  private settled = 0
  private readonly waiting: Array<Arrival> = []
  private readonly empty = Latch.makeUnsafe(true)

  /** Succeeds when all that came is settled. */
  readonly whenSettled: Effect.Effect<void> = this.empty.await

  /** Of core NATS: there is nothing to acknowledge. */
  add(): number {
    this.empty.closeUnsafe()
    return ++this.last
  }

  addDelivery(delivery: JetStream.Delivery, consumer: JetStream.Consumer, prefix: string): number {
    this.waiting.push({ delivery, consumer, prefix, outputs: 0 })
    return this.add()
  }

  /** The id of the next output of an arrival; none of core NATS. */
  nextId(arrival: number): string | undefined {
    const one = this.waiting[arrival - this.settled - 1]
    return one === undefined ? undefined : idOf(one.prefix, one.delivery, one.outputs++)
  }

  /** All that comes of arrivals up to this one is stored. */
  settle(through: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      const settled = this.waiting.splice(0, Math.max(0, through - this.settled))
      this.settled = Math.max(this.settled, through)
      if (this.settled === this.last) this.empty.openUnsafe()
      const byConsumer = new Map<JetStream.Consumer, Array<JetStream.Delivery>>()
      for (const { consumer, delivery } of settled) {
        const its = byConsumer.get(consumer)
        if (its === undefined) byConsumer.set(consumer, [delivery])
        else its.push(delivery)
      }
      return Effect.forEach(byConsumer, ([consumer, deliveries]) => consumer.ack(deliveries), { discard: true })
    })
  }
}

/** The time is in it, since a stream that was made anew counts from 1 again. */
export const idOf = (
  prefix: string,
  { sequence, storedMillis }: Pick<JetStream.Delivery, "sequence" | "storedMillis">,
  output: number
): string => `${prefix}-${sequence}-${storedMillis}-${output}`
