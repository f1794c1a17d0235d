/** What is put under the harness: a connector as a process, and the two ends that it moves records between. */
import type { Ledger } from "@kps/testing"
import type * as NatsServer from "@kps/transport/testing/NatsServer"
import type * as Proxy from "@kps/transport/testing/Proxy"
import type { Effect, Schema, Scope } from "effect"
import type { Mutant } from "../connector/Mutant.ts"

/** Ids of the streams of each connector: from the source into the channel, and from there to the sink. */
export const ingressId = "in"
export const egressId = "out"

/** What the ends of one run are made for. */
export interface Setting {
  /** Names the connector instance. */
  readonly name: string
  readonly channel: string
  readonly promised: Ledger.Promised
  readonly count: number
  readonly perSecond: number
  readonly mutant: Mutant
  /** Whether something is done to brokers: a fault of one that is shared is one for everybody on it. */
  readonly ownBroker: boolean
}

export interface Outside {
  readonly server: NatsServer.NatsServer["Service"]
  /** The wire of all replicas to it: they are asked for the same streams, and so for the same address. */
  readonly proxy: Proxy.Proxy
}

/** A replica that serves. */
export interface Serving {
  readonly name: string
  readonly port: number
}

/** The books of both ends. */
export interface Ends {
  /** What every replica has in its environment, beside what all subjects have. */
  readonly env: Readonly<Record<string, string>>
  /** The parameters of both streams. */
  readonly source: Readonly<Record<string, Schema.MutableJson>>
  readonly sink: Readonly<Record<string, Schema.MutableJson>>
  /** Lets the source give. Both streams have been asked for by then. */
  readonly begin: Effect.Effect<void, never, Scope.Scope>
  /** Is told what the pipelines' broker says to a replica, before the replica is. */
  readonly heard: (replica: string, body: string) => void
  /** The highest number that the source has given. */
  readonly progress: () => number
  /** The replica that runs the ingress, as far as is known. */
  readonly giver: () => string | undefined
  /** The highest number that the source need not give again, where `last` is the highest on the channel. */
  readonly known: (last: number) => number
  /** Numbers that the source was told are safe; nothing where it is not told. */
  readonly acknowledged: (() => ReadonlySet<number>) | undefined
  /** The numbers that the sink has, in order, as of the last look: what it knows to be a repeat is not among them. */
  readonly delivered: () => ReadonlyArray<number>
  /** Looks what the sink has. */
  readonly look: Effect.Effect<void>
  /** What else is not as it has to be when all has flowed. */
  readonly check: (serving: Serving) => Effect.Effect<ReadonlyArray<string>>
  /** The broker that the connector moves records from and to, where there is one. */
  readonly outside: Outside | undefined
}

export interface Subject {
  /** The file that Node runs. */
  readonly program: string
  /** The port it serves at, when this line of its output says that it does. */
  readonly portOf: (line: string) => number | undefined
  readonly ends: (
    setting: Setting
  ) => Effect.Effect<Ends, NatsServer.NatsServerError | Proxy.ProxyError, Scope.Scope>
}
