/** Everything that takes part in one run: replicas behind proxies, the broker, the books of both ends. */
import { ConnectorClient } from "@kps/client"
import { StreamDirection } from "@kps/idl"
import * as Proxy from "@kps/transport/testing/Proxy"
import { Effect, Schedule, type Scope } from "effect"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Book from "../connector/Book.ts"
import type { Mutant } from "../connector/Mutant.ts"
import type { Broker } from "./Broker.ts"
import * as Child from "./Child.ts"
import { until } from "./Until.ts"

export interface Options {
  readonly program: string
  readonly broker: Broker
  /** Names the connector instance and the channel: another one for each run on a broker. */
  readonly name: string
  readonly replicas: number
  readonly mutant: Mutant
  readonly source: "spool" | "log"
  readonly count: number
  readonly perSecond: number
  readonly env: Readonly<Record<string, string>>
}

export interface World {
  readonly broker: Broker
  readonly children: ReadonlyArray<Child.Child>
  readonly channel: string
  /** Folder of the source's books. */
  readonly source: string
  /** Folder of the sink's books. */
  readonly sink: string
  /** The highest number that the source has given. */
  readonly progress: () => number
  /** Who gave last: the one that runs the ingress. */
  readonly giver: () => Child.Child
  /**
   * How many records the source has given, and not heard of, or that are on the channel, and not with the sink: what a
   * kill now could lose.
   */
  readonly unacknowledged: Effect.Effect<number>
  /** The same by the books alone: what was given and is not with the sink, or not acknowledged. */
  readonly inFlight: () => number
}

/** Both ways: on a network something is always under way, and not only on a lucky moment. */
export const wire = "4 millis"

const highest = (numbers: ReadonlyArray<number>): number => numbers.reduce((most, number) => Math.max(most, number), 0)

export const make = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<World, Proxy.ProxyError, Scope.Scope> {
  const { broker, count, env, mutant, name, perSecond, program, replicas } = options
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-soak-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const [source, sink] = [join(folder, "source"), join(folder, "sink")]
  for (const one of [source, sink]) mkdirSync(one)
  const children = yield* Effect.forEach(
    Array.from({ length: replicas }, (_, n) => `${n}`),
    Effect.fnUntraced(function*(replica) {
      const proxy = yield* Proxy.make(`127.0.0.1:${broker.server.port}`, { frames: true })
      yield* proxy.delay(wire)
      return yield* Child.make({
        program,
        replica,
        proxy,
        env: { KPS_STATE: "jetstream", KPS_LEASE_TTL: "2", ...env, CONNECTOR_INSTANCE_ID: name, MUTANT: mutant }
      })
    })
  )
  const channel = `soak.${name}`
  const world: World = {
    broker,
    children,
    channel,
    source,
    sink,
    progress: () => highest(Book.given(source).map(({ to }) => to)),
    giver: () => {
      const by = Book.given(source).at(-1)?.by
      return children.find(({ replica }) => replica === by) ?? children[0]!
    },
    inFlight: () => Math.max(0, world.progress() - Book.deliveredOnce(sink).length),
    unacknowledged: Effect.gen(function*() {
      const given = highest(Book.given(source).map(({ to }) => to))
      const stored = yield* broker.stored(channel)
      const last = highest(stored.flatMap(({ numbers }) => numbers))
      const known = options.source === "spool" ? highest(Book.acknowledged(source).map(({ to }) => to)) : last
      const delivered = new Set(Book.delivered(sink).map(({ number }) => number))
      return Math.max(0, given - known) + Math.max(0, last - delivered.size)
    })
  }
  const ports = yield* Effect.forEach(children, ({ start }) => start, { concurrency: "unbounded" })
  yield* ask(ports[0]!, name, channel, { folder: sink }, {
    folder: source,
    source: options.source,
    count,
    per_second: perSecond
  })
  yield* until(
    () => `the first record; replica 0 said: ${children[0]!.said().slice(-1_000)}`,
    () => world.progress() > 0,
    "90 seconds"
  )
  return world
})

type Metadata = Record<string, string | number>

/** Asks for both streams, the one that reads first; what does not run at once runs later. */
const ask = Effect.fnUntraced(function*(port: number, name: string, channel: string, sink: Metadata, source: Metadata) {
  const client = yield* ConnectorClient.ConnectorClient.pipe(
    Effect.provide(ConnectorClient.layer({
      endpoint: `127.0.0.1:${port}`,
      connectorId: name,
      deadline: "30 seconds"
    })),
    Effect.orDie
  )
  const stream = (id: string, direction: StreamDirection, metadata: Metadata) => ({
    id,
    direction,
    transportChannel: channel,
    metadata
  })
  const egress = stream("out", StreamDirection.EGRESS, sink)
  const patience = { times: 20, schedule: Schedule.spaced("500 millis") }
  yield* Effect.orDie(Effect.retry(client.setStreams([egress]), patience))
  yield* Effect.orDie(
    Effect.retry(client.setStreams([egress, stream("in", StreamDirection.INGRESS, source)]), patience)
  )
})
