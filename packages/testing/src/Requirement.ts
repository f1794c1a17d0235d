/**
 * What a case needs, and why it is skipped where that is not there.
 *
 * @since 0.1.0
 */
import * as Certificates from "@kps/transport/testing/Certificates"
import { binary } from "@kps/transport/testing/NatsServer"
import type { Streams } from "./Description.ts"
import type { Subject } from "./Subject.ts"
import * as Template from "./Template.ts"

type Has = Subject["Service"]

const samples = ({ description: { streams } }: Has): ReadonlyArray<Streams> =>
  [streams.ingress, streams.egress].filter((sample) => sample !== undefined)

const some = (subject: Has, pick: (sample: Streams) => unknown) =>
  samples(subject).some((sample) => pick(sample) !== undefined)

const described = (what: string) => `the description has no ${what}`
const inside = (what: string) => `only in vitest: it needs ${what}`

interface Check {
  readonly holds: (subject: Has) => boolean
  readonly reason: string
}

const checks = {
  ingress: {
    holds: ({ description }) => description.streams.ingress !== undefined,
    reason: described("streams.ingress")
  },
  egress: {
    holds: ({ description }) => description.streams.egress !== undefined,
    reason: described("streams.egress")
  },
  change: {
    holds: (subject) => some(subject, ({ changed, working }) => Template.uses(working, "stream") ? working : changed),
    reason: described("{stream} in working, and no changed")
  },
  unreachable: {
    holds: (subject) => some(subject, ({ unreachable }) => unreachable),
    reason: described("unreachable stream")
  },
  failure: {
    holds: (subject) => subject.outside?.faults !== undefined || some(subject, ({ unreachable }) => unreachable),
    reason: described("unreachable stream, and the outside cannot be broken")
  },
  faults: {
    holds: ({ outside }) => outside?.faults !== undefined,
    reason: described("outside that can be broken (outside.nats, or outside.break and outside.mend)")
  },
  invalid: {
    holds: (subject) =>
      some(subject, ({ invalid = [] }) => invalid[0]) || (subject.description.config.invalid ?? []).length > 0,
    reason: described("invalid stream and no invalid config")
  },
  config: {
    holds: ({ description }) => description.config.valid !== undefined,
    reason: described("config.valid")
  },
  hanging: {
    holds: (subject) =>
      some(subject, ({ hanging }) => hanging) || subject.description.config.hangsDiscovery !== undefined,
    reason: described("hanging stream")
  },
  refusing: {
    holds: ({ description }) => description.streams.egress?.refusing !== undefined,
    reason: described("streams.egress.refusing")
  },
  throwing: {
    holds: ({ description }) => description.streams.egress?.throwing !== undefined,
    reason: described("streams.egress.throwing")
  },
  feed: {
    holds: ({ description, outside }) => description.streams.ingress !== undefined && outside?.feed !== undefined,
    reason: described("way to give data to ingress streams (outside.nats.ingress or outside.feed)")
  },
  sources: {
    holds: ({ description: { streams }, outside }) =>
      (["acknowledged", "resumable"] as const).some((kind) =>
        streams.ingress?.[kind] !== undefined && outside?.sources?.[kind] !== undefined
      ),
    reason: described("streams.ingress.acknowledged or streams.ingress.resumable that can be fed")
  },
  observe: {
    holds: ({ description, outside }) => description.streams.egress !== undefined && outside?.observe !== undefined,
    reason: described("way to see the data of egress streams (outside.nats.egress or outside.observe)")
  },
  pause: {
    holds: ({ outside }) => outside?.pause !== undefined,
    reason: described("outside that can be held (outside.nats)")
  },
  tries: {
    holds: (subject) =>
      subject.outside?.tries !== undefined &&
      (subject.probes !== undefined ||
        some(subject, ({ unreachable }) => Template.uses(unreachable, "unreachable") || undefined)),
    reason: described("unreachable stream with {unreachable}, so tries cannot be counted")
  },
  socket: {
    holds: ({ overSocket }) => overSocket,
    reason: "the connector is called within this process: there is no wire"
  },
  process: {
    holds: ({ process }) => process !== undefined,
    reason: "the connector is not started by the suite: give --command"
  },
  replica: {
    holds: ({ replica }) => replica !== undefined,
    reason: "no second replica can be started: give --command, with {port} where the command takes its port"
  },
  broker: {
    holds: ({ broker }) => broker !== undefined,
    reason: "the platform's broker cannot be taken from the connector: give --command"
  },
  line: {
    holds: ({ line }) => line !== undefined,
    reason: "what the connector and the platform's broker say to each other cannot be held: give --command"
  },
  tls: {
    holds: ({ description }) => description.tls !== undefined,
    reason: described("tls: how the connector is given certificates")
  },
  plainText: {
    holds: ({ overTls }) => !overTls,
    reason:
      "the connector is called with TLS already: leave out --tls, and let the command take the suite's certificates"
  },
  certificates: {
    holds: Certificates.isAvailable,
    reason: "no openssl on PATH to make certificates with"
  },
  natsServer: {
    holds: () => binary() !== undefined,
    reason: "no nats-server to refuse credentials with: put one on PATH, or name it in NATS_SERVER_BIN"
  },
  gate: {
    holds: ({ probes }) => probes?.gate !== undefined,
    reason: inside("a hand on the transport within the connector")
  },
  acknowledged: {
    holds: ({ probes }) => probes?.acknowledged !== undefined,
    reason: inside("to see what was acknowledged to the source")
  },
  keeps: {
    holds: ({ probes }) => probes?.keeps === true,
    reason: inside("a source that gives again what was not acknowledged")
  },
  positions: {
    holds: ({ probes }) => probes?.positions !== undefined,
    reason: inside("a hand on the positions that are kept of its streams")
  },
  flood: {
    holds: ({ probes }) => probes?.flood !== undefined && probes.pulled !== undefined,
    reason: inside("a source that gives payloads without end")
  },
  open: {
    holds: ({ probes }) => probes?.open !== undefined,
    reason: inside("to count what streams hold open")
  },
  counters: {
    holds: ({ probes }) => probes?.counters !== undefined,
    reason: inside("the connector's counters")
  },
  shipped: {
    holds: ({ probes }) => probes?.shipped !== undefined,
    reason: inside("the connector's definition and its class document")
  },
  canary: {
    holds: (subject) => subject.process !== undefined || subject.probes?.logs !== undefined || secretsOf(subject),
    reason: described("{secret}, and the logs cannot be read without --command")
  }
} as const satisfies Record<string, Check>

const secretsOf = (subject: Has): boolean =>
  some(subject, ({ secret }) => secret) || subject.description.config.secret !== undefined

/**
 * @category models
 * @since 0.1.0
 */
export type Requirement = keyof typeof checks

/**
 * Why a case with these requirements cannot be run; nothing when it can.
 *
 * @category validation
 * @since 0.1.0
 */
export const missing = (subject: Has, requirements: ReadonlyArray<Requirement>): string | undefined =>
  requirements.map((name): Check => checks[name]).find(({ holds }) => !holds(subject))?.reason
