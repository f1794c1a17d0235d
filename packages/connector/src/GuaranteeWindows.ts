/**
 * The windows of a guarantee in words and numbers: what can be lost, and what can come twice.
 *
 * @since 0.1.0
 */
import type { Egress, Facts, Ingress, Stored } from "./GuaranteeFacts.ts"

/**
 * One thing that can happen to messages of a stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Window {
  /** Names it, for programs and for docs/delivery.md. */
  readonly id: string
  /** Which messages, in words and numbers. */
  readonly what: string
}

/**
 * How much the parts of a running stream hold at most. A test of the server holds them to what it does.
 *
 * @category constants
 * @since 0.1.0
 */
export const numbers = {
  /** Of an acknowledged or resumable source: read, and published together. */
  roundPayloads: 4_096,
  roundBytes: 1_048_576,
  /** Of a lossy source on JetStream: sent, and not stored yet. */
  unconfirmedMessages: 4_096,
  unconfirmedBytes: 8_388_608,
  /** Given to a sink at once. */
  batch: 512,
  /** Set aside for another try while others pass. */
  aside: 1_024,
  /** Waiting in a process for its egress stream. */
  bufferedPayloads: 65_536,
  bufferedBytes: 8_388_608,
  /** Messages that the readers of one consumer hold. */
  ackPending: 1_000,
  /** How often a position is saved in a bucket, in milliseconds. */
  savePositionMillis: 1_000,
  /** After how long nats-server writes what it has stored through to the disk, unless it is told otherwise, in milliseconds. */
  syncMillis: 120_000
} as const

const units: ReadonlyArray<readonly [unit: string, millis: number]> = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000]
]

/**
 * A duration with one unit, such as `2 min`.
 *
 * @category rendering
 * @since 0.1.0
 */
export const duration = (millis: number): string => {
  if (millis === Infinity) return "ever"
  const [unit, size] = units.find(([, size]) => millis >= size && millis % size === 0) ?? ["ms", 1]
  return size === 1 && millis >= 1_000 ? `${Number((millis / 1_000).toFixed(3))} s` : `${millis / size} ${unit}`
}

/**
 * A size, such as `8 MiB`.
 *
 * @category rendering
 * @since 0.1.0
 */
export const size = (bytes: number): string =>
  bytes >= 1_048_576
    ? `${Number((bytes / 1_048_576).toFixed(1))} MiB`
    : bytes >= 1_024
    ? `${Number((bytes / 1_024).toFixed(1))} KiB`
    : `${bytes} bytes`

/**
 * A whole number with commas.
 *
 * @category rendering
 * @since 0.1.0
 */
export const count = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ",")

const window = (id: string, what: string): Window => ({ id, what })

const round = `${count(numbers.roundPayloads)} payloads or ${size(numbers.roundBytes)}, or one array that is larger`
const buffered = `${count(numbers.bufferedPayloads)} payloads or ${size(numbers.bufferedBytes)}`
const sync = duration(numbers.syncMillis)

/** Of what is stored: how it can be gone again. */
const ofStorage = ({ replicas, storage }: Stored): Window => {
  if (storage === "memory") {
    return replicas < 3
      ? window("broker-restart", "all that is stored, when the broker restarts: it is in its memory alone")
      : window("majority", `all that is stored, when ${majority(replicas)} of its ${replicas} servers restart at once`)
  }
  return replicas < 3
    ? window(
      "power-loss",
      `what the disk has not synced when the power or the machine of ${
        replicas === 1 ? "its only server" : "one of its 2 servers"
      } is lost: up to the last ${sync}, by nats-server's default; all of it, when the disk is lost`
    )
    : window(
      "majority",
      `what the disks have not synced when ${
        majority(replicas)
      } of its ${replicas} servers lose their power at once: up to the last ${sync}, by nats-server's default`
    )
}

const majority = (replicas: number): number => Math.floor(replicas / 2) + 1

/** Of what is stored and not read: how the stream's limits take it. */
const ofLimits = ({ discard, maxAgeMillis, maxBytes, maxMessages }: Stored): ReadonlyArray<Window> => {
  const limits = [
    ...(maxAgeMillis === null ? [] : [`older than ${duration(maxAgeMillis)}`]),
    ...(discard === "new" || maxBytes === null ? [] : [`pushed out by newer ones beyond ${size(maxBytes)}`]),
    ...(discard === "new" || maxMessages === null
      ? []
      : [`pushed out by newer ones beyond ${count(maxMessages)} messages`])
  ]
  return limits.length === 0
    ? []
    : [window("limits", `what was not delivered before it left the channel's stream: what is ${limits.join(", or ")}`)]
}

const ingressLosses = (facts: Ingress): ReadonlyArray<Window> => {
  const { maxPayloadBytes, positions, source, stored } = facts
  const lossy = source === "lossy"
  return [
    ...(lossy
      ? [
        window("unread", "what the outside sends while nobody reads: the stream does not run, or waits for its broker"),
        window(
          "killed",
          stored === undefined
            ? "what was read and not handed to the broker when the process is killed"
            : `what was read and not stored when the process is killed: up to ${
              count(numbers.unconfirmedMessages)
            } messages or ${size(numbers.unconfirmedBytes)}`
        )
      ]
      : []),
    ...(lossy && stored === undefined
      ? [window("connection", "what is on its way when the connection to the broker breaks: counted as uncertain")]
      : []),
    ...(source === "resumable" && positions === "process"
      ? [
        window(
          "restart",
          "what comes before the source begins anew, after a restart: its position ends with the process"
        )
      ]
      : []),
    ...(stored === undefined
      ? [window("no-subscriber", "what nobody takes at that moment: a subscriber that is away, slow or cut off")]
      : [ofStorage(stored)]),
    ...(stored?.retention === "interest"
      ? [
        window("no-consumer", "what comes while the channel's stream has no consumer: it keeps nothing for later ones")
      ]
      : []),
    window(
      "too-large",
      `messages over ${size(maxPayloadBytes)}, which the broker does not take: dropped, counted, alerted`
    )
  ]
}

const egressLosses = (facts: Egress): ReadonlyArray<Window> => {
  const { acknowledged, deadLetters, drops, stored } = facts
  return [
    ...(stored === undefined
      ? [
        window("away", "what is published while the stream does not run, or is cut off from its broker"),
        window("slow", `what comes while ${buffered} wait for the outside already: counted, alerted`),
        window("killed", `all that the process has taken and not delivered when it is killed: up to ${buffered}`)
      ]
      : [
        ...(acknowledged === "taken"
          ? [window(
            "killed",
            `what the process has taken and not delivered when it is killed: up to ${
              count(numbers.aside)
            } items that others pass, and a batch of up to ${count(numbers.batch)}`
          )]
          : []),
        ...ofLimits(stored),
        ofStorage(stored)
      ]),
    ...(deadLetters === "memory"
      ? [window("dead-letters", "dead letters, when the process ends: they are in its memory, up to 16 MiB")]
      : []),
    ...(drops.length > 0
      ? [window("dropped", `items that fail with ${drops.join(", ")}: the connector's failures table drops them`)]
      : [])
  ]
}

/**
 * What can be lost.
 *
 * @category windows
 * @since 0.1.0
 */
export const losses = (facts: Facts): ReadonlyArray<Window> =>
  facts.direction === "INGRESS" ? ingressLosses(facts) : egressLosses(facts)

/** When the last message of a channel, and the position with it, has left the channel's stream. */
const ofResumePoint = ({ discard, maxAgeMillis, maxBytes, maxMessages }: Stored): ReadonlyArray<Window> => {
  const fills = discard === "old" && (maxBytes !== null || maxMessages !== null)
  const ways = [
    ...(maxAgeMillis === null ? [] : [`nothing was published for ${duration(maxAgeMillis)}`]),
    ...(fills ? ["others on the channel have filled it"] : [])
  ]
  return ways.length === 0
    ? []
    : [window(
      "resume-point",
      `what is read again because the resume point has left the channel's stream: ${ways.join(", or ")}`
    )]
}

const ingressDuplicates = (facts: Ingress): ReadonlyArray<Window> => {
  const { fenced, leased, positions, source, stored } = facts
  const effectively = source === "resumable" && positions === "channel" && fenced && stored?.retention === "limits"
  if (effectively) {
    return ofResumePoint(stored)
  }
  return [
    ...(leased ? [] : [window(
      "processes",
      "all of it, once for each process that runs the stream and is sent it: no lease keeps it to one"
    )]),
    ...(source === "lossy" ? [] : [window(
      "unconfirmed",
      `what was published and not confirmed when the process is killed, the connection breaks or the stream fails: up to ${round}` +
        (stored === undefined ?
          "" :
          `; under new ids, which the duplicate window of ${duration(stored.duplicateWindowMillis)} does not see`)
    )]),
    ...(source === "resumable" && positions === "bucket"
      ? [window(
        "position",
        `what was published since the position was last saved, when the process is killed: ${
          duration(numbers.savePositionMillis)
        }, longer while it cannot be saved`
      )]
      : []),
    ...(source === "resumable" && positions === "process"
      ? [window("restart", "all that the source reads again, after a restart: its position ends with the process")]
      : []),
    ...(leased && !fenced && source !== "lossy"
      ? [window("stopped", `what a process that was stopped (SIGSTOP) and goes on still publishes: up to ${round}`)]
      : [])
  ]
}

const egressDuplicates = (facts: Egress): ReadonlyArray<Window> => {
  const { ackWaitMillis, acknowledged, horizonMillis, idempotent, ids, leased, stored } = facts
  const redelivered = stored !== undefined && acknowledged === "handled" && !(idempotent && ids === "channel")
  return [
    ...(idempotent ? [] : [window(
      "retries",
      `what of a batch of up to ${
        count(numbers.batch)
      } was taken before the outside failed: given again at each try, for ${
        duration(horizonMillis ?? Infinity)
      }, and for ever while the outside is away`
    )]),
    ...(redelivered
      ? [
        window(
          "redelivered",
          `what was delivered and not acknowledged when the process is killed, or hangs for longer than the ack wait of ${
            duration(ackWaitMillis)
          }: up to ${count(numbers.ackPending)} messages`
        ),
        ...(leased
          ? [window(
            "stopped",
            `what a process that was stopped (SIGSTOP) and goes on still delivers: a batch of up to ${
              count(numbers.batch)
            }`
          )]
          : [])
      ]
      : [])
  ]
}

/**
 * What can come twice.
 *
 * @category windows
 * @since 0.1.0
 */
export const duplicates = (facts: Facts): ReadonlyArray<Window> =>
  facts.direction === "INGRESS" ? ingressDuplicates(facts) : egressDuplicates(facts)
