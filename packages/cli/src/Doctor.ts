/**
 * What is wrong with how a broker and its connectors are set up: one function for each check, of what was observed.
 *
 * @since 0.1.0
 */
import { Guarantee } from "@kps/connector"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type { Explained } from "./Guarantees.ts"
import type { Observed, ObservedStream } from "./Observed.ts"

const { count, duration, numbers, size } = Guarantee

/**
 * One thing that is wrong, or will be.
 *
 * @category models
 * @since 0.1.0
 */
export interface Warning {
  readonly check: string
  /** What it is about. */
  readonly subject: string
  /** With its numbers. */
  readonly problem: string
  readonly advice: string
}

type Check = (observed: Observed) => ReadonlyArray<Omit<Warning, "check">>

/** The first server with all that is needed: consumers that are pulled, key-value buckets, expected sequences. */
const oldest = [2, 9] as const

/** So full is soon full. */
const nearly = 0.8

/** A clock that is off by more makes ages and windows wrong by more than they are read for. */
const skewMillis = 2_000

const some = (names: ReadonlyArray<string>): string =>
  names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`

const plural = (many: number, what: string): string => `${count(many)} ${what}${many === 1 ? "" : "s"}`

const percent = (part: number, whole: number): string => `${Math.round((100 * part) / whole)} %`

const facts = ({ guarantee }: Explained) => guarantee?.facts

const serverVersion: Check = ({ server: { name, version } }) => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1]) ? [] : [{
    subject: `server ${name}`,
    problem: `it is nats-server ${version}, want ${oldest.join(".")} or later`,
    advice: "upgrade it: what JetStream promises here is tested from that version on"
  }]
}

const jetstream: Check = ({ server: { jetstream, name } }) =>
  jetstream ? [] : [{
    subject: `server ${name}`,
    problem:
      "JetStream is off: channels are at most once, and positions, wishes and dead letters end with their process",
    advice: "turn it on (-js), then KPS_TRANSPORT=jetstream and KPS_STATE=jetstream"
  }]

const replicas: Check = ({ streams }) => {
  const few = streams.filter(({ settings }) => settings.storage === "file" && settings.replicas < 3)
  return few.length === 0 ? [] : [{
    subject: plural(few.length, "stream"),
    problem: `${some(few.map(({ name, settings }) => `${name} (${settings.replicas})`))}: with fewer than 3 replicas ` +
      `the loss of power takes what the disk has not synced, up to the last ${
        duration(numbers.syncMillis)
      } by default, and the loss of the disk takes all of it: ${
        plural(sum(few, ({ messages }) => messages), "message")
      }`,
    advice: "run three servers as a cluster: NATS_JS_REPLICAS=3, KPS_STATE_REPLICAS=3"
  }]
}

const sum = <A>(all: ReadonlyArray<A>, of: (one: A) => number): number => all.reduce((total, one) => total + of(one), 0)

const memory: Check = ({ streams }) =>
  streams.filter(({ settings }) => settings.storage === "memory" && settings.replicas < 3).map((
    { bytes, messages, name }
  ) => ({
    subject: `stream ${name}`,
    problem: `it is in the memory of too few servers: ${plural(messages, "message")}, ${
      size(bytes)
    }, end when they restart`,
    advice: "make it anew on disk: NATS_JS_STORAGE=file"
  }))

/** An item is tried for so long, where no connector said otherwise, in milliseconds. */
const usualHorizonMillis = 60_000

const millisOf = (one: Explained, key: string): number | undefined => {
  const value = facts(one)?.[key]
  return typeof value === "number" ? value : undefined
}

const duplicateWindow: Check = ({ streams, told }) => {
  const horizons = told.flatMap((one) => millisOf(one, "horizonMillis") ?? [])
  const horizon = Math.max(...(horizons.length === 0 ? [usualHorizonMillis] : horizons))
  return [
    ...streams.filter(({ isBucket, settings }) => !isBucket && settings.duplicateWindowMillis < horizon).map((
      { name, settings }
    ) => ({
      subject: `stream ${name}`,
      problem: `it knows the id of a message for ${
        duration(settings.duplicateWindowMillis)
      }, and one that fails is tried for ${duration(horizon)}: what is published again after that is stored twice`,
      advice: `raise the window: NATS_JS_DUPLICATE_WINDOW="${horizon / 1_000} seconds" or more`
    })),
    ...told.flatMap((one) => {
      const remembers = millisOf(one, "remembersMillis")
      const tried = millisOf(one, "horizonMillis")
      return remembers === undefined || tried === undefined || remembers >= tried ? [] : [{
        subject: `stream ${one.id} of connector ${one.connectorId}`,
        problem: `its outside knows the id of an item for ${duration(remembers)}, and one that fails is tried for ${
          duration(tried)
        }: what it took before that and is given again has its effect twice`,
        advice: `let the outside know ids for longer, or try items for less time (KPS_DELIVERY="horizon=SECONDS")`
      }]
    })
  ]
}

/** Of the consumer in a stream's facts. */
const nameOf = (consumer: Schema.Json | undefined): string => {
  const name = Predicate.hasProperty(consumer, "name") ? consumer.name : undefined
  return typeof name === "string" ? name : ""
}

const ackWait: Check = ({ streams, told }) => {
  const consumers = new Map(streams.flatMap(({ consumers }) => consumers.map((one) => [one.name, one] as const)))
  return told.flatMap((one) => {
    const { deliverP99Millis: p99, id } = one
    const consumer = consumers.get(nameOf(facts(one)?.["consumer"]))
    if (p99 === undefined || consumer === undefined || consumer.ackWaitMillis >= p99) return []
    return [{
      subject: `stream ${id} of connector ${one.connectorId}`,
      problem: `its sink takes ${
        duration(Math.round(p99))
      } for a batch (p99), and its consumer ${consumer.name} waits ${
        duration(consumer.ackWaitMillis)
      } for an acknowledgement: a process that is too busy to extend that gets it again`,
      advice: "raise NATS_JS_ACK_WAIT, or make the outside faster"
    }]
  })
}

const reconnect: Check = ({ monitor, named, server: { clusterUrls, name } }) => [
  ...(named.length === 1 && clusterUrls.length > 1
    ? [{
      subject: `--nats ${named[0]}`,
      problem: `it names 1 server of a cluster of ${clusterUrls.length}: while that one is away no process can start`,
      advice: `name several in NATS_BROKER: ${some(clusterUrls)}`
    }]
    : []),
  ...(monitor !== undefined && monitor.connections >= monitor.maxConnections * nearly
    ? [{
      subject: `server ${name}`,
      problem: `it has ${plural(monitor.connections, "connection")} of at most ${
        count(monitor.maxConnections)
      }: those that come back after a break may be refused`,
      advice: "raise max_connections of the server"
    }]
    : [])
]

const maxPayload: Check = ({ server: { maxPayloadBytes }, streams }) => {
  const ofMessages = streams.filter(({ isBucket }) => !isBucket)
  const limitOf = ({ maxMessageBytes }: ObservedStream) => Math.min(maxPayloadBytes, maxMessageBytes ?? Infinity)
  const large = ofMessages.filter((stream) => stream.largestBytes >= limitOf(stream) * nearly)
  const narrow = ofMessages.filter((stream) => limitOf(stream) < maxPayloadBytes)
  return [
    ...large.map((stream) => ({
      subject: `stream ${stream.name}`,
      problem: `one of its last messages has ${count(stream.largestBytes)} bytes, ${
        percent(stream.largestBytes, limitOf(stream))
      } of the ${count(limitOf(stream))} that it may have: a larger one is dropped, with an alert`,
      advice: narrow.includes(stream)
        ? "raise max_msg_size of the stream"
        : "raise max_payload of every server, or send less in one message"
    })),
    ...narrow.map((stream) => ({
      subject: `stream ${stream.name}`,
      problem: `it takes messages of up to ${count(limitOf(stream))} bytes, the server of up to ${
        count(maxPayloadBytes)
      }: what is between is refused`,
      advice: "raise max_msg_size of the stream, or take it away"
    }))
  ]
}

const coreReplicas: Check = ({ replicas, told }) =>
  Array.from(replicas).flatMap(([connectorId, many]) => {
    const core = told.filter((one) =>
      one.connectorId === connectorId && facts(one) !== undefined && !("stored" in facts(one)!)
    )
    return many < 2 || core.length === 0 ? [] : [{
      subject: `connector ${connectorId}`,
      problem: `it has ${plural(many, "replica")} on core NATS (${
        some([...new Set(core.map(({ id }) => id))])
      }): egress streams keep no order between them, and what one that dies has taken is lost`,
      advice: "KPS_TRANSPORT=jetstream, or one replica"
    }]
  })

const limits: Check = ({ nowMillis, stores, streams }) => [
  ...streams.filter(({ isBucket }) => !isBucket).flatMap((stream) => ofStream(stream, nowMillis)),
  ...stores.filter(({ limit, used }) => limit !== null && used >= limit * nearly).map(({ limit, used, what }) => ({
    subject: "the account",
    problem: `its streams have ${size(used)} on ${what}, ${percent(used, limit!)} of at most ${
      size(limit!)
    }: beyond it nothing is stored`,
    advice: "raise the account's limits, or keep less (NATS_JS_MAX_AGE, NATS_JS_MAX_BYTES)"
  }))
]

const ofStream = (
  { bytes, consumers, firstMillis, firstSequence, messages, name, settings }: ObservedStream,
  nowMillis: number
): ReturnType<Check> => {
  const { discard, maxAgeMillis, maxBytes, maxMessages } = settings
  const subject = `stream ${name}`
  const fullness = [
    ...(maxMessages !== null && messages >= maxMessages * nearly
      ? [`${count(messages)} of at most ${plural(maxMessages, "message")}`]
      : []),
    ...(maxBytes !== null && bytes >= maxBytes * nearly ? [`${size(bytes)} of at most ${size(maxBytes)}`] : [])
  ].join(", ")
  if (fullness !== "" && discard === "new") {
    return [{
      subject,
      problem: `it has ${fullness}: when it is full it refuses, and publishing waits`,
      advice: "read it, or raise NATS_JS_MAX_BYTES and NATS_JS_MAX_MESSAGES"
    }]
  }
  // What is read next by the slowest is about the oldest that there is.
  const slowest =
    consumers.filter(({ ackFloor, unread }) => unread > 0 && ackFloor < firstSequence + messages * (1 - nearly))
      .toSorted((a, b) => b.unread - a.unread)[0]
  if (slowest === undefined || messages === 0) return []
  const unread = `consumer ${slowest.name} has ${plural(slowest.unread, "message")} to acknowledge`
  const ageMillis = nowMillis - firstMillis
  return [
    ...(fullness === "" ? [] : [{
      subject,
      problem: `it has ${fullness}, and discards the oldest: ${unread}, the oldest among them`,
      advice: "make the outside faster, or raise NATS_JS_MAX_BYTES and NATS_JS_MAX_MESSAGES"
    }]),
    ...(maxAgeMillis !== null && ageMillis >= maxAgeMillis * nearly
      ? [{
        subject,
        problem: `its oldest message is ${duration(round(ageMillis))} old, and goes after ${
          duration(maxAgeMillis)
        }: ${unread}, that one among them`,
        advice: "make the outside faster, or raise NATS_JS_MAX_AGE"
      }]
      : [])
  ]
}

const round = (millis: number): number =>
  millis < 60_000 ? Math.round(millis / 1_000) * 1_000 : Math.round(millis / 60_000) * 60_000

const clock: Check = ({ monitor, server: { name } }) => {
  if (monitor === undefined) return []
  const { skewMillis: skew, uncertainMillis } = monitor
  if (Math.abs(skew) - uncertainMillis < skewMillis) return []
  return [{
    subject: `server ${name}`,
    problem: `its clock is ${duration(Math.abs(Math.round(skew)))} ${skew > 0 ? "ahead of" : "behind"} this one's`,
    advice: "synchronise the clocks: ages, windows and times of dead letters are the server's"
  }]
}

/**
 * All checks by their names.
 *
 * @category checks
 * @since 0.1.0
 */
export const checks: Readonly<Record<string, Check>> = {
  "server-version": serverVersion,
  jetstream,
  replicas,
  "memory-storage": memory,
  "duplicate-window": duplicateWindow,
  "ack-wait": ackWait,
  reconnect,
  "max-payload": maxPayload,
  "core-replicas": coreReplicas,
  limits,
  clock
}

/**
 * What is wrong, check by check.
 *
 * @category checks
 * @since 0.1.0
 */
export const examine = (observed: Observed): ReadonlyArray<Warning> =>
  Object.entries(checks).flatMap(([check, of]) =>
    of(observed).map(({ advice, problem, subject }) => ({ check, subject, problem, advice }))
  )

/**
 * What could not be looked at, and how it can be.
 *
 * @category checks
 * @since 0.1.0
 */
export const unseen = ({ monitor, told }: Observed): ReadonlyArray<string> => [
  ...(monitor === undefined ? ["connections and clock of the server: give --monitor URL"] : []),
  ...(told.some(({ deliverP99Millis }) => deliverP99Millis !== undefined)
    ? []
    : ["how long sinks take: give --http URL of a connector that has delivered something"])
]
