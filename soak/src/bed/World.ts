/** Everything that takes part in one run: replicas behind proxies, brokers, the books of both ends. */
import { ConnectorClient } from "@kps/client"
import { StreamDirection } from "@kps/idl"
import type { NatsServerError } from "@kps/transport/testing/NatsServer"
import type { ProxyError } from "@kps/transport/testing/Proxy"
import { Effect, Schedule, type Scope } from "effect"
import type { Broker } from "./Broker.ts"
import * as Child from "./Child.ts"
import { egressId, type Ends, ingressId, type Setting, type Subject } from "./Subject.ts"
import { until } from "./Until.ts"
import * as Wire from "./Wire.ts"

export interface Options extends Omit<Setting, "channel"> {
  readonly subject: Subject
  /** The pipelines' broker. */
  readonly broker: Broker
  readonly replicas: number
  readonly env: Readonly<Record<string, string>>
}

export interface World {
  readonly broker: Broker
  readonly children: ReadonlyArray<Child.Child>
  readonly channel: string
  readonly ends: Ends
  /** How many records the source has. */
  readonly count: number
  /** Who gave last: the one that runs the ingress. */
  readonly giver: () => Child.Child
  /**
   * How many records the source has given, and not heard of, or that are on the channel, and not with the sink: what a
   * kill now could lose.
   */
  readonly unacknowledged: Effect.Effect<number>
  /** The same by the books of the ends alone: what was given and is not with the sink. */
  readonly inFlight: () => number
}

const highest = (numbers: ReadonlyArray<number>): number => numbers.reduce((most, number) => Math.max(most, number), 0)

export const make = Effect.fnUntraced(function*(
  { broker, env, replicas, subject, ...setting }: Options
): Effect.fn.Return<World, NatsServerError | ProxyError, Scope.Scope> {
  const { name } = setting
  const channel = `soak.${name}`
  const ends = yield* subject.ends({ ...setting, channel })
  const children = yield* Effect.forEach(
    Array.from({ length: replicas }, (_, n) => `${n}`),
    Effect.fnUntraced(function*(replica) {
      const proxy = yield* Wire.make(broker.server.port, (body) => ends.heard(replica, body))
      return yield* Child.make({
        subject,
        replica,
        proxy,
        env: { KPS_STATE: "jetstream", KPS_LEASE_TTL: "2", ...ends.env, ...env, CONNECTOR_INSTANCE_ID: name }
      })
    })
  )
  const arrived = () => new Set(ends.delivered()).size
  const world: World = {
    broker,
    children,
    channel,
    ends,
    count: setting.count,
    giver: () => {
      const by = ends.giver()
      return children.find(({ replica }) => replica === by) ?? children[0]!
    },
    inFlight: () => Math.max(0, ends.progress() - arrived()),
    unacknowledged: Effect.gen(function*() {
      const given = ends.progress()
      const last = highest((yield* broker.stored(channel)).flatMap(({ numbers }) => numbers))
      yield* ends.look
      return Math.max(0, given - ends.known(last)) + Math.max(0, last - arrived())
    })
  }
  const ports = yield* Effect.forEach(children, ({ start }) => start, { concurrency: "unbounded" })
  yield* ask(ports[0]!, name, channel, ends)
  yield* ends.begin
  yield* until(
    () => `the first record; replica 0 said: ${children[0]!.said().slice(-1_000)}`,
    () => ends.progress() > 0,
    "90 seconds"
  )
  return world
})

/** Asks for both streams, the one that reads first; what does not run at once runs later. */
const ask = Effect.fnUntraced(function*(port: number, name: string, channel: string, { sink, source }: Ends) {
  const client = yield* ConnectorClient.ConnectorClient.pipe(
    Effect.provide(ConnectorClient.layer({
      endpoint: `127.0.0.1:${port}`,
      connectorId: name,
      deadline: "30 seconds"
    })),
    Effect.orDie
  )
  const stream = (id: string, direction: StreamDirection, metadata: Ends["source"]) => ({
    id,
    direction,
    transportChannel: channel,
    metadata: { ...metadata }
  })
  const egress = stream(egressId, StreamDirection.EGRESS, sink)
  const patience = { times: 20, schedule: Schedule.spaced("500 millis") }
  yield* Effect.orDie(Effect.retry(client.setStreams([egress]), patience))
  yield* Effect.orDie(
    Effect.retry(client.setStreams([egress, stream(ingressId, StreamDirection.INGRESS, source)]), patience)
  )
})
