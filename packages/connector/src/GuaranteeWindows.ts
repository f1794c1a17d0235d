/**
 * The windows of a guarantee in words and numbers: what can be lost, and what can come twice.
 *
 * @since 0.1.0
 */
import type { Egress, Facts, Ingress, Stored } from "./GuaranteeFacts.ts"
import { count, duration, numbers, size } from "./GuaranteeNumbers.ts"

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

/** When the last message of a channel, and the position with it, has left the channel's stream. */
const ofResumePoint = (
  { discard, maxAgeMillis, maxBytes, maxMessages }: Stored,
  then: keyof typeof afterResumePoint
): ReadonlyArray<Window> => {
  const fills = discard === "old" && (maxBytes !== null || maxMessages !== null)
  const ways = [
    ...(maxAgeMillis === null ? [] : [`nothing was published for ${duration(maxAgeMillis)}`]),
    ...(fills ? ["others on the channel have filled it"] : [])
  ]
  return ways.length === 0
    ? []
    : [window(
      "resume-point",
      `${afterResumePoint[then]} when the resume point has left the channel's stream: ${ways.join(", or ")}`
    )]
}

const afterResumePoint = {
  lost: "what comes before the source begins anew,",
  anew: "all that the source reads again, since it begins anew,",
  saved: "what is read again from the position that was saved last, a second behind,"
} as const

/** A position that neither the channel nor a bucket keeps. */
const endsWithProcess = ({ saved, source, stored }: Ingress): boolean =>
  source === "resumable" && !saved && stored?.retention !== "limits"

const ingressLosses = (facts: Ingress): ReadonlyArray<Window> => {
  const { maxPayloadBytes, saved, source, stored } = facts
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
    ...(endsWithProcess(facts)
      ? [
        window(
          "restart",
          "what comes before the source begins anew, after a restart: its position ends with the process"
        )
      ]
      : []),
    ...(source === "resumable" && !saved && stored?.retention === "limits" ? ofResumePoint(stored, "lost") : []),
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
  const { deadLetters, drops, from, stored } = facts
  return [
    ...(stored === undefined
      ? [
        window("away", "what is published while the stream does not run, or is cut off from its broker"),
        window("slow", `what comes while ${buffered} wait for the outside already: counted, alerted`),
        window("killed", `all that the process has taken and not delivered when it is killed: up to ${buffered}`)
      ]
      : [
        ...(from === "new"
          ? [window("before", "what the channel has before the stream is there for the first time (from=new)")]
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

const ingressDuplicates = (facts: Ingress): ReadonlyArray<Window> => {
  const { fenced, leased, saved, source, stored } = facts
  const resumes = source === "resumable" && stored?.retention === "limits"
  if (resumes && fenced) return ofResumePoint(stored, saved ? "saved" : "anew")
  return [
    ...(leased ? [] : [window(
      "processes",
      "all of it, once for each process that runs the stream and is sent it: no lease keeps it to one"
    )]),
    ...(source === "lossy" ? [] : [window(
      "unconfirmed",
      stored === undefined
        ? `what was published and not confirmed when the process is killed, the connection breaks or the stream fails: up to ${round}`
        : `what was stored and not acknowledged when the process is killed or the stream fails: up to ${round}; it comes under new ids, which the duplicate window of ${
          duration(stored.duplicateWindowMillis)
        } does not see`
    )]),
    ...(source === "resumable" && !resumes && saved
      ? [window(
        "position",
        `what was published since the position was last saved, when the process is killed: ${
          duration(numbers.savePositionMillis)
        }, longer while it cannot be saved`
      )]
      : []),
    ...(endsWithProcess(facts)
      ? [window("restart", "all that the source reads again, after a restart: its position ends with the process")]
      : []),
    ...(leased && !fenced && source !== "lossy"
      ? [window("stopped", `what a process that was stopped (SIGSTOP) and goes on still publishes: up to ${round}`)]
      : [])
  ]
}

const egressDuplicates = (facts: Egress): ReadonlyArray<Window> => {
  const { consumer, horizonMillis, idempotent, leased, remembersMillis, stored } = facts
  const redelivered = stored !== undefined && !idempotent
  return [
    ...(idempotent && remembersMillis !== undefined
      ? [window(
        "forgotten",
        `what the outside took and is given again more than ${
          duration(remembersMillis)
        } later, such as after an outage: it knows an id for so long`
      )]
      : []),
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
          `what was delivered and not acknowledged when the process is killed: a batch of up to ${
            count(numbers.batch)
          }, and what was delivered while the broker was away, up to ${
            count(consumer?.maxAckPending ?? numbers.ackPending)
          } messages; and what a process holds that hangs for longer than the ack wait of ${
            duration(consumer?.ackWaitMillis ?? numbers.ackWaitMillis)
          }`
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
