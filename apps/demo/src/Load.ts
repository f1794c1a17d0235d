/**
 * Sends messages to the outside broker at a steady rate, as far as flow control lets it, and waits until they are out.
 */
import { Clock, Effect, Stream } from "effect"
import type { Gate } from "./Gate.ts"
import { Pace } from "./Pace.ts"
import type { Item } from "./Source.ts"
import type { Traffic } from "./Traffic.ts"

/** At most so many messages, and so many bytes, are under way: what core NATS holds for a slow consumer is more. */
export const maxInFlight = 4096
export const maxInFlightBytes = 8 << 20

/** A message that has not come after this time is lost, until it comes. */
export const patienceMicros = 10_000_000

/** The same where everything is stored on the way, and comes when what was killed is back. */
export const storedPatienceMicros = 60_000_000

/** With a broker or a stream down, the wait for messages under way is longer, but ends too. */
const longPatienceMicros = 60_000_000

export interface Route {
  readonly traffic: Traffic
  readonly gate: Gate
  readonly publish: (data: Uint8Array, sequence: number) => void
  /** Whether messages may be sent. Default: while the gate is open. */
  readonly isSendable?: () => boolean
  /** How long one is waited for. Default: 10 seconds. */
  readonly patienceMicros?: number
}

const micros = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe() / 1_000n)

const isMessage = (item: Item): boolean => item instanceof Uint8Array || typeof item === "function"

/** How long to sleep until the next try, in milliseconds: timers are no finer than one. */
const nap = (micros: number): number => Math.min(1_000, Math.max(2, Math.ceil(micros / 1_000)))

/**
 * Sends the items, `rate` a second at most and `once` of them at most; succeeds when the last was handed over.
 *
 * **Details**
 *
 * Pulls items as it can send them. Interrupting it stops it between two messages.
 */
export const send = <E>(
  items: Stream.Stream<Item, E>,
  route: Route,
  options: { readonly rate: number; readonly once?: number }
): Effect.Effect<void, E> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const { gate, isSendable = () => gate.isOpen(micros(clock)), publish, traffic } = route
    const { ledger } = traffic
    const pace = new Pace(options.rate, micros(clock))
    let left = options.once ?? Number.POSITIVE_INFINITY

    const sendSome = (items: ReadonlyArray<Item>, from: number, count: number, now: number): number => {
      const epochMillis = clock.currentTimeMillisUnsafe()
      let sent = 0
      let i = from
      for (; i < items.length && sent < count && ledger.inFlightBytes < maxInFlightBytes; i++) {
        const item = items[i]!
        const sequence = ledger.next
        if (typeof item === "function") publish(traffic.send(item(sequence, epochMillis), now), sequence)
        else if (item instanceof Uint8Array) publish(traffic.send(item, now), sequence)
        else {
          traffic.refuse(item.oversizedBytes)
          continue
        }
        sent++
      }
      pace.spend(sent)
      return i
    }

    const sendAll = Effect.fnUntraced(function*(items: ReadonlyArray<Item>) {
      for (let i = 0; i < items.length;) {
        const now = micros(clock)
        const room = isSendable() ? maxInFlight - ledger.inFlight : 0
        const count = Math.min(pace.available(now), room)
        if (count > 0) i = sendSome(items, i, count, now)
        // also when some were sent: the event loop has to bring them out
        if (i < items.length) yield* Effect.sleep(nap(pace.untilNext))
      }
    })

    yield* items.pipe(
      Stream.takeUntil((item) => isMessage(item) && --left === 0),
      Stream.runForEachArray(sendAll)
    )
  })

/**
 * Waits until nothing is under way, or until nothing has come for `patience`; what is missing then is lost.
 *
 * **Details**
 *
 * While the gate is shut messages may be held back on the way, so it waits for it to open, a minute at most.
 */
export const drain = (route: Route): Effect.Effect<void> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const { gate, patienceMicros: patience = patienceMicros, traffic: { ledger } } = route
    const start = micros(clock)
    for (;;) {
      const now = micros(clock)
      const open = gate.isOpen(now)
      const { delivered, inFlight, sent } = ledger.counts
      if (delivered === sent || (inFlight === 0 && open)) return
      const quietSince = Math.max(ledger.lastChangeMicros, start)
      if (now - quietSince > Math.max(longPatienceMicros, 2 * patience)) return
      if (open && now - Math.max(quietSince, gate.shutAtMicros) > patience) return
      yield* Effect.sleep("5 millis")
    }
  })

/** Gives up, again and again, what was sent too long ago. */
export const settle = (route: Route): Effect.Effect<never> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const { patienceMicros: patience = patienceMicros } = route
    return yield* Effect.sync(() => route.traffic.ledger.settle(micros(clock) - patience)).pipe(
      Effect.andThen(Effect.sleep("1 second")),
      Effect.forever
    )
  })
