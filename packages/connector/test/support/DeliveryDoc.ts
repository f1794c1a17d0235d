/** The tables of docs/delivery.md that follow from the function. */
import { Connector, Guarantee } from "../../src/index.ts"
import { stored } from "./Combinations.ts"

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const ids = (windows: ReadonlyArray<Guarantee.Window>): string =>
  windows.length === 0 ? "nothing" : windows.map(({ id }) => `\`${id}\``).join(", ")

const ends = (facts: Guarantee.Facts): ReadonlyArray<string> => {
  const { duplicates, level, losses } = Connector.guarantee(facts)
  return [level.replaceAll("-", " "), ids(losses), ids(duplicates)]
}

const transports = [["core NATS", {}], ["JetStream", { stored }]] as const

/** Whether `KPS_STATE=jetstream`. */
const states = [["memory", false], ["jetstream", true]] as const

const ingress = transports.flatMap(([name, kept]) =>
  (["lossy", "acknowledged", "resumable"] as const).flatMap((source) =>
    states.flatMap(([state, shared]) => {
      const facts: Guarantee.Ingress = {
        direction: "INGRESS",
        source,
        saved: shared,
        leased: shared,
        // by its lease, or since its position is at stake
        fenced: "stored" in kept && (shared || source === "resumable"),
        maxPayloadBytes: 1_048_576,
        ...kept
      }
      const cells = [source, name, state]
      // of several connectors that feed one channel only one can be fenced
      const sharing = facts.fenced && source === "acknowledged"
      return [
        [cells, facts] as const,
        ...(sharing ? [[[source, `${name}, shared channel`, state], { ...facts, fenced: false }] as const] : [])
      ]
    })
  )
)

const egress = transports.flatMap(([name, kept]) =>
  (["strict", "none"] as const).flatMap((ordering) =>
    [false, true].flatMap((idempotent) =>
      states.map(([state, shared]): readonly [ReadonlyArray<string>, Guarantee.Egress] => [
        [name, ordering, idempotent ? "yes" : "no", state],
        {
          direction: "EGRESS",
          idempotent,
          from: "all",
          ordering,
          horizonMillis: 60_000,
          deadLetters: shared ? "jetstream" : "memory",
          drops: [],
          leased: shared && "stored" in kept && ordering === "strict",
          ...kept
        }
      ])
    )
  )
)

const one = { ...ingress.at(-1)![1], stored }
const other = {
  ...egress.map(([, facts]) => facts).findLast(({ idempotent, leased }) => idempotent && leased)!,
  stored
}

const settings: ReadonlyArray<readonly [string, Guarantee.Facts, Guarantee.Facts]> = [
  ["as made by default", one, other],
  ...([
    ["3 replicas", { replicas: 3 }],
    ["storage memory, 1 replica", { storage: "memory" }],
    ["storage memory, 3 replicas", { storage: "memory", replicas: 3 }],
    ["retention interest", { retention: "interest" }],
    ["retention workqueue", { retention: "workqueue" }],
    ["no age limit", { maxAgeMillis: null }],
    ["at most 1 MiB, discard old", { maxBytes: 1_048_576 }],
    ["at most 1 MiB, no age limit, discard new", { maxBytes: 1_048_576, maxAgeMillis: null, discard: "new" }]
  ] as const).map(([name, change]) =>
    [name, { ...one, stored: { ...stored, ...change } }, { ...other, stored: { ...stored, ...change } }] as const
  )
]

/** One row for each way an ingress stream can be run. */
export const ingressRows: ReadonlyArray<string> = ingress.map(([cells, facts]) => row([...cells, ...ends(facts)]))

/** One row for each way an egress stream can be run. */
export const egressRows: ReadonlyArray<string> = egress.map(([cells, facts]) => row([...cells, ...ends(facts)]))

/** What the settings of the channel's stream make of the strongest streams. */
export const settingRows: ReadonlyArray<string> = settings.map(([name, into, out]) => {
  const [level, losses, duplicates] = ends(into)
  const [levelOut, lossesOut, duplicatesOut] = ends(out)
  return row([
    name,
    `${level}; lost: ${losses}; twice: ${duplicates}`,
    `${levelOut}; lost: ${lossesOut}; twice: ${duplicatesOut}`
  ])
})

/** The windows that the rows name, in words: one row for each wording that there is. */
export const windowRows: ReadonlyArray<string> = (() => {
  const all = [...ingress.map(([, facts]) => facts), ...egress.map(([, facts]) => facts)]
  const settled = [...settings.flatMap(([, into, out]) => [into, out]), {
    ...other,
    from: "new" as const,
    drops: ["Stale"],
    remembersMillis: 120_000
  }]
  const words = new Map<string, Set<string>>()
  for (const facts of [...all, ...settled]) {
    const { duplicates, losses } = Connector.guarantee(facts)
    for (
      const [kind, { id, what }] of [
        ...losses.map((window) => ["lost", window] as const),
        ...duplicates.map((window) => ["twice", window] as const)
      ]
    ) {
      const key = `\`${id}\` | ${kind} | ${facts.direction === "INGRESS" ? "ingress" : "egress"}`
      words.set(key, (words.get(key) ?? new Set()).add(what))
    }
  }
  return Array.from(words).flatMap(([key, wordings]) => Array.from(wordings, (what) => row([key, what])))
})()

export const heads = {
  ingress: row(["source", "transport", "shared state", "promise", "can be lost", "can come twice"]),
  egress: row(["transport", "ordering", "idempotent sink", "shared state", "promise", "can be lost", "can come twice"]),
  settings: row(["the channel's stream", "resumable source, exclusive writer", "idempotent sink, strict"]),
  windows: row(["window", "what happens", "stream", "which messages"])
}
