/** The nats-connector, as it is shipped, as what is under the harness: JetStream streams of an outside broker. */
import { Ledger } from "@kps/testing"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Option, Schema } from "effect"
import { streamOf } from "../bed/Broker.ts"
import { egressId, type Ends, ingressId, type Serving, type Setting, type Subject } from "../bed/Subject.ts"
import * as Wire from "../bed/Wire.ts"
import * as Explain from "./Explain.ts"
import * as Outside from "./Outside.ts"

export interface Options {
  /** The connector, as a file that Node runs. */
  readonly program: string
  /** The command `kps`, likewise. */
  readonly kps: string
  /** The outside, for runs that share one. */
  readonly outside: NatsServer.NatsServer["Service"]
}

const Ready = Schema.fromJsonString(Schema.Struct({
  message: Schema.Literal("connector is ready"),
  annotations: Schema.Struct({ port: Schema.Int })
}))
const decodeReady = Schema.decodeUnknownOption(Ready)

/** How often a record arrives, by what both streams promise, is what the weaker one promises. */
const differences = (levels: ReadonlyMap<string, string>, promised: Ledger.Promised): ReadonlyArray<string> =>
  ([[ingressId, promised], [egressId, "effectively-once"]] as const).flatMap(([id, want]) => {
    const level = levels.get(id) ?? "nothing"
    return level === want ? [] : [`kps explain guarantees says ${level} of stream "${id}", want ${want}`]
  })

/** The numbers in what a broker says. */
const numberIn = (body: string): number => Number(/(\d+):x{120}/u.exec(body)?.[1] ?? 0)

export const make = ({ kps, outside: shared, program }: Options): Subject => ({
  program,
  portOf: (line) => Option.getOrUndefined(Option.map(decodeReady(line), ({ annotations: { port } }) => port)),
  ends: Effect.fnUntraced(function*({ channel, count, name, ownBroker, perSecond, promised }: Setting) {
    const server = ownBroker ? yield* NatsServer.make({ jetstream: true }) : shared
    const outside = yield* Outside.make({ server, name, count, perSecond })
    let taken = 0
    // what goes to the connector on this wire are the records of the source, and answers
    const proxy = yield* Wire.make(server.port, (body) => {
      taken = Math.max(taken, numberIn(body))
    })
    const stored = `"stream":"${streamOf(channel)}"`
    let writer: string | undefined
    const { arrived, given, publish, sink, source } = outside
    return {
      env: { KPS_TRANSPORT: "jetstream", KPS_LISTEN_HOST: "127.0.0.1", KPS_LISTEN_PORT: "0" },
      source: {
        subject: source.subject,
        broker: proxy.url,
        jetstream: { stream: source.stream, read: promised === "effectively-once" ? "resumable" : "acknowledged" }
      },
      sink: { subject: sink.subject, broker: proxy.url, jetstream: { stream: sink.stream } },
      begin: Effect.asVoid(Effect.forkScoped(
        Effect.all([publish(() => taken), arrived.follow], { concurrency: 2 })
      )),
      // it writes to whom the broker says that the channel has it
      heard: (replica, body) => {
        if (body.includes(stored) && body.includes("\"seq\":")) writer = replica
      },
      progress: () => taken,
      giver: () => writer,
      known: (last) => last,
      acknowledged: undefined,
      delivered: arrived.numbers,
      look: arrived.look,
      check: Effect.fnUntraced(function*(serving: Serving) {
        yield* given.look
        const levels = yield* Explain.levels(kps, serving, [ingressId, egressId])
        return [
          // seen by the harness itself: what it compares with has to be right
          ...Ledger.violations(Ledger.account(given.numbers(), given.numbers().length), "effectively-once")
            .map((text) => `at the source: ${text}`),
          ...differences(levels, promised)
        ]
      }),
      outside: { server, proxy }
    } satisfies Ends
  })
})
