/** What happens in a simulation, and when: all of it from the seed. */
import { Effect, Random } from "effect"

export type Event =
  | { readonly _tag: "BrokerLeaves" | "BrokerComesBack" | "OutsideIsBusy" | "OutsideAnswers" }
  | { readonly _tag: "Kill" | "Start" | "Resume"; readonly replica: number }
  /** At once, or when it is about to publish, which is the worst moment there is. */
  | { readonly _tag: "Pause"; readonly replica: number; readonly whenPublishing: boolean }

export interface History {
  readonly replicas: number
  /** By the second in which they happen. */
  readonly events: ReadonlyArray<readonly [second: number, event: Event]>
}

/** What is out of order for a while. */
export type Trouble = "Kill" | "Pause" | "Broker" | "Outside"

/** How much time there is, how dense it is, and what happens. All times in seconds. */
export interface Scale {
  readonly seconds: number
  /** Records of each source. */
  readonly count: number
  /** A source gives up to three records after at most so long. */
  readonly pace: number
  /** Something happens after at most so long. */
  readonly every: number
  /** An outage takes at least so long. */
  readonly shortest: number
  /** It takes at most so long: most are much shorter. */
  readonly longest: number
  /** A replica that died keeps what it held for so long. */
  readonly timeToLive: number
  /** One of these is chosen each time. */
  readonly troubles: ReadonlyArray<Trouble>
  /** One of these is chosen. */
  readonly replicas: readonly [number, ...ReadonlyArray<number>]
}

const ordinary: ReadonlyArray<Trouble> = [
  ...["Kill", "Kill", "Kill", "Kill"] as const,
  ...["Pause", "Pause"] as const,
  ...["Broker", "Broker", "Broker"] as const,
  "Outside"
]

/** Everything at once. */
export const minute: Scale = {
  seconds: 60,
  count: 60,
  pace: 3,
  every: 15,
  shortest: 1,
  longest: 60,
  timeToLive: 10,
  troubles: ordinary,
  replicas: [1, 2]
}

/** As operators know it: long quiet times, and outages that are longer than every time-out there is. */
export const day: Scale = {
  seconds: 86_400,
  count: 1_500,
  pace: 180,
  every: 5_400,
  shortest: 1,
  longest: 7_200,
  timeToLive: 600,
  troubles: ordinary,
  replicas: [1, 2]
}

/** Makes the history of a time. */
export const make = Effect.fnUntraced(function*(scale: Scale): Effect.fn.Return<History> {
  const { every, longest, seconds, shortest, troubles } = scale
  const replicas = scale.replicas[yield* Random.nextIntBetween(0, scale.replicas.length - 1)] ?? 1
  const events: Array<readonly [number, Event]> = []
  const first = Math.ceil(every / 10)
  for (let second = first; second < seconds; second += yield* Random.nextIntBetween(1, every)) {
    const replica = yield* Random.nextIntBetween(0, replicas - 1)
    const end = second + shortest + Math.round((yield* Random.next) ** 4 * (longest - shortest))
    switch (troubles[yield* Random.nextIntBetween(0, troubles.length - 1)]) {
      case "Kill":
        events.push([second, { _tag: "Kill", replica }], [end, { _tag: "Start", replica }])
        break
      case "Pause":
        events.push([second, { _tag: "Pause", replica, whenPublishing: yield* Random.nextBoolean }], [end, {
          _tag: "Resume",
          replica
        }])
        break
      case "Broker":
        events.push([second, { _tag: "BrokerLeaves" }], [end, { _tag: "BrokerComesBack" }])
        break
      default:
        events.push([second, { _tag: "OutsideIsBusy" }], [end, { _tag: "OutsideAnswers" }])
    }
  }
  return { replicas, events: events.toSorted(([a], [b]) => a - b) }
})
