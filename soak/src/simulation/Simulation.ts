/** A time of outages in moments: the real server on a simulated broker and outside, by the clock of a test. */
import { create } from "@bufbuild/protobuf"
import { StreamDirection, StreamSchema } from "@kps/idl"
import { Bucket, DeadLetters, DesiredState } from "@kps/server"
import { Ledger } from "@kps/testing"
import { Transport } from "@kps/transport"
import { Effect, Random, Schema } from "effect"
import { TestClock } from "effect/testing"
import type { Mutant } from "../connector/Mutant.ts"
import { Broker } from "./Broker.ts"
import * as History from "./History.ts"
import * as Outside from "./Outside.ts"
import { instance, Replica } from "./Replica.ts"
import * as SimulatedClock from "./SimulatedClock.ts"

export interface Options {
  readonly seed: number
  /** Default: a minute, with everything at once. */
  readonly scale?: History.Scale
  readonly mutant?: Mutant
}

export interface Report {
  readonly seed: number
  readonly seconds: number
  readonly replicas: number
  /** Kills, pauses and outages when something was under way. */
  readonly faults: number
  /** What was given and not acknowledged, or not delivered, at those moments, added up. */
  readonly unacknowledged: number
  /** Of the stream that promises at least once, then of the one that promises effectively once. */
  readonly delivered: readonly [Ledger.Account, Ledger.Account]
  /** With either sink, and no dead letter that should be one. */
  readonly lost: number
  /** Of what promises effectively once: on the channel and at the sink. */
  readonly duplicated: number
  readonly violations: ReadonlyArray<string>
  /** Everything that was stored and delivered, as one line: equal for equal runs. */
  readonly trace: string
}

const kinds = ["spool", "log"] as const

/** In seconds: how long what is still on its way is waited for when everything is mended, for each record at most. */
const patienceOf = ({ count, pace, timeToLive }: History.Scale) => 600 + 3 * timeToLive + count * pace

const streamOf = (kind: Outside.Kind, way: "in" | "out") =>
  create(StreamSchema, {
    id: `${way}-${kind}`,
    direction: way === "in" ? StreamDirection.INGRESS : StreamDirection.EGRESS,
    transportChannel: `simulated.${kind}`,
    metadata: { kind }
  })
const egress = kinds.map((kind) => streamOf(kind, "out"))
const ingress = kinds.map((kind) => streamOf(kind, "in"))

/** Numbers that are with the sink, or dead letters that should be. */
const dealtWith = (
  outside: Outside.Outside,
  letters: ReadonlyMap<Outside.Kind, ReadonlyArray<number>>,
  kind: Outside.Kind
) => new Set([...outside.delivered[kind].map(({ number }) => number), ...(letters.get(kind) ?? [])])

const simulate = Effect.fnUntraced(function*(
  { mutant = "none", scale = History.minute, seed }: Options
) {
  const { count, seconds } = scale
  const history = yield* History.make(scale)
  const broker = new Broker(120_000)
  const outside = new Outside.Outside(scale)
  const buckets = yield* Bucket.Buckets
  const deadLetters = DeadLetters.makeMemory(yield* Transport.Transport)
  const desired = DesiredState.make(buckets)
  const revision = yield* Effect.orDie(desired.set(instance, { config: {}, streams: egress }, 0))
  const replicas = Array.from(
    { length: history.replicas },
    (_, n) => new Replica(`${n}`, { scale, broker, outside, buckets, deadLetters, mutant })
  )
  let [unacknowledged, faults] = [0, 0]

  /** Whether something stops or goes away by it that was there. */
  const isFault = (event: History.Event): boolean => {
    if (event._tag === "BrokerLeaves") return !broker.isAway
    return (event._tag === "Kill" || event._tag === "Pause") && replicas[event.replica]?.isRunning === true
  }
  const act = (event: History.Event): Effect.Effect<void> => {
    if (isFault(event)) {
      const stake = outside.underWay
      unacknowledged += stake
      if (stake > 0) faults++
    }
    switch (event._tag) {
      case "BrokerLeaves":
        return Effect.sync(() => broker.leave())
      case "BrokerComesBack":
        return Effect.sync(() => broker.comeBack())
      case "OutsideIsBusy":
        return Effect.sync(() => (outside.busy = true))
      case "OutsideAnswers":
        return Effect.sync(() => (outside.busy = false))
      case "Kill":
        return replicas[event.replica]?.kill ?? Effect.void
      case "Start":
        return replicas[event.replica]?.start ?? Effect.void
      case "Pause":
        return Effect.sync(() => replicas[event.replica]?.pause(event.whenPublishing))
      case "Resume":
        return Effect.sync(() => replicas[event.replica]?.resume())
    }
  }
  const buried = Effect.map(Effect.orDie(deadLetters.list(instance, { limit: 1_000 })), ({ letters }) => letters)
  const lettersBy = Effect.gen(function*() {
    const found = new Map<Outside.Kind, Array<number>>(kinds.map((kind) => [kind, []]))
    for (const { id, stream } of yield* buried) {
      const letter = yield* Effect.orDie(deadLetters.get(instance, id))
      const kind = stream === "out-spool" ? "spool" : "log"
      if (letter._tag === "Some") found.get(kind)?.push(Outside.numberOf(letter.value.bytes))
    }
    return found
  })

  for (const replica of replicas) yield* replica.start
  // who reads is there before there is something to read
  const isRead = () => kinds.every((kind) => broker.channel(`simulated.${kind}`).durables.size > 0)
  for (let second = 0; second < 60 && !isRead(); second++) yield* TestClock.adjust("1 second")
  yield* Effect.orDie(desired.set(instance, { config: {}, streams: [...egress, ...ingress] }, revision))
  let now = 0
  for (const [second, event] of history.events.filter(([second]) => second < seconds)) {
    if (second > now) yield* TestClock.adjust(`${second - now} seconds`)
    now = second
    yield* act(event)
  }
  yield* TestClock.adjust(`${seconds - now} seconds`)
  broker.comeBack()
  outside.busy = false
  // nothing happens to what the sources have still to give: the sooner it is over, the better
  outside.pace = Math.min(scale.pace, 0.3)
  for (const replica of replicas) {
    replica.resume()
    yield* replica.start
  }
  const step = Math.ceil(scale.pace)
  for (let waited = 0; waited < patienceOf(scale); waited += step) {
    yield* TestClock.adjust(`${step} seconds`)
    const letters = yield* lettersBy
    if (kinds.every((kind) => dealtWith(outside, letters, kind).size >= count)) break
  }
  // what comes twice comes later
  yield* TestClock.adjust("15 seconds")
  const letters = yield* lettersBy
  for (const replica of replicas) yield* replica.kill
  yield* TestClock.adjust("15 seconds")

  const violations: Array<string> = []
  let [missing, duplicated] = [0, 0]
  const accounts = kinds.map((kind) => {
    const promised = kind === "spool" ? "at-least-once" : "effectively-once"
    const known = new Set<string>()
    const books = outside.delivered[kind].filter(({ id }) =>
      promised === "at-least-once" || (!known.has(id) && known.add(id))
    )
    const good = Ledger.account(books.map(({ number }) => number), count)
    const bad = letters.get(kind) ?? []
    const lost = good.lost.filter((number) => !bad.includes(number))
    const add = (where: string, found: Ledger.Account) =>
      violations.push(...Ledger.violations(found, promised).map((text) => `${promised}, ${where}: ${text}`))
    const stored = broker.channel(`simulated.${kind}`).kept.flatMap(({ payloads }) => payloads.map(Outside.numberOf))
    const channel = Ledger.account(stored, count)
    missing += lost.length
    if (promised === "effectively-once") duplicated += channel.repeated + good.repeated
    add("on the channel", channel)
    add("at the sink", { ...good, lost })
    const wrong = bad.filter((number) => !Outside.isPoison(number))
    if (wrong.length > 0) violations.push(`${promised}: ${wrong.length} dead letters of records that are none`)
    if (promised === "effectively-once" && new Set(bad).size !== bad.length) {
      violations.push(`${promised}: ${bad.length - new Set(bad).size} dead letters twice`)
    }
    return good
  })
  const trace = kinds.map((kind) =>
    [
      broker.channel(`simulated.${kind}`).kept.map(({ payloads, storedMillis }) =>
        `${payloads.map(Outside.numberOf).join("+")}@${storedMillis}`
      ).join(" "),
      outside.delivered[kind].map(({ number }) => number).join(" "),
      (letters.get(kind) ?? []).join(" ")
    ].join(" | ")
  ).join(" || ")
  return {
    seed,
    seconds,
    replicas: history.replicas,
    faults,
    unacknowledged,
    delivered: [accounts[0]!, accounts[1]!],
    lost: missing,
    duplicated,
    violations,
    trace
  } satisfies Report
})

/** Runs one seed. A seed that shows something shows it again. */
export const run = (options: Options): Effect.Effect<Report> =>
  simulate(options).pipe(
    Random.withSeed(options.seed),
    Effect.provide([Bucket.layerMemory, Transport.layerMemory]),
    Effect.provide(SimulatedClock.layer),
    Effect.scoped
  )

/** One line for a run. */
export const text = ({ faults, replicas, seconds, seed, unacknowledged, violations }: Report): string =>
  `simulation, seed ${seed}: ${violations.length === 0 ? "kept" : violations.join("; ")}; ${seconds} s, ${replicas} ${
    replicas === 1 ? "replica" : "replicas"
  }, ${unacknowledged} unacknowledged at ${faults} faults`

/** What of a report travels from one process to another. */
export const Told = Schema.Struct({
  seed: Schema.Int,
  faults: Schema.Int,
  unacknowledged: Schema.Int,
  lost: Schema.Int,
  duplicated: Schema.Int,
  violations: Schema.Array(Schema.String)
})
export type Told = typeof Told.Type

export const told = ({ faults, lost, duplicated, seed, unacknowledged, violations }: Report): Told => ({
  seed,
  faults,
  unacknowledged,
  lost,
  duplicated,
  violations
})
