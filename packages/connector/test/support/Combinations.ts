/** Every fact that a guarantee follows from, in every combination. */
import { Guarantee } from "../../src/index.ts"

/** All objects that have one of the values under each key. */
const product = <A extends object>(choices: { readonly [K in keyof A]: ReadonlyArray<A[K]> }): ReadonlyArray<A> =>
  Object.entries<ReadonlyArray<unknown>>(choices).reduce<ReadonlyArray<object>>(
    (all, [key, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}]
  ) as ReadonlyArray<A> // each key has one of its values

/** As a stream of a channel is made by default. */
export const stored: Guarantee.Stored = {
  storage: "file",
  replicas: 1,
  retention: "limits",
  discard: "old",
  maxAgeMillis: 7 * 86_400_000,
  maxBytes: null,
  maxMessages: null,
  duplicateWindowMillis: 120_000
}

const streams: ReadonlyArray<Guarantee.Stored | undefined> = [
  undefined,
  ...product<Guarantee.Stored>({
    storage: ["file", "memory"],
    replicas: [1, 2, 3],
    retention: ["limits", "interest", "workqueue"],
    discard: ["old", "new"],
    maxAgeMillis: [null, 7 * 86_400_000],
    maxBytes: [null, 1_048_576],
    maxMessages: [null],
    duplicateWindowMillis: [120_000]
  })
]

const withStream = <A extends Guarantee.Facts>(one: Omit<A, "stored">): ReadonlyArray<A> =>
  streams.map((stored) => Object.assign({}, one, stored === undefined ? {} : { stored }) as A) // the key that was left out

export const ingress: ReadonlyArray<Guarantee.Ingress> = product<Omit<Guarantee.Ingress, "stored">>({
  direction: ["INGRESS"],
  source: ["lossy", "acknowledged", "resumable"],
  saved: [false, true],
  fenced: [false, true],
  leased: [false, true],
  maxPayloadBytes: [1_048_576]
}).flatMap(withStream<Guarantee.Ingress>)

export const egress: ReadonlyArray<Guarantee.Egress> = product<Omit<Guarantee.Egress, "stored">>({
  direction: ["EGRESS"],
  idempotent: [false, true],
  consumer: [{ name: "reader", ackWaitMillis: 5_000, maxAckPending: 50 }],
  from: ["all", "new"],
  ordering: ["none", "strict"],
  horizonMillis: [60_000],
  deadLetters: ["memory", "jetstream"],
  drops: [["Stale"]],
  leased: [false, true]
}).flatMap(withStream<Guarantee.Egress>)
