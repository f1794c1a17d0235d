/**
 * What a stream promises of its messages, from what really runs. Nothing here does anything: it says what is so.
 *
 * @since 0.1.0
 */
import type { Egress, Facts, Ingress, Stored } from "./GuaranteeFacts.ts"
import { duration } from "./GuaranteeNumbers.ts"
import { duplicates, losses, type Window } from "./GuaranteeWindows.ts"

export { Egress, Facts, Ingress, Stored } from "./GuaranteeFacts.ts"
export { count, duration, numbers, size } from "./GuaranteeNumbers.ts"
export type { Window } from "./GuaranteeWindows.ts"

/**
 * How often a message arrives, killed processes and lost connections included.
 *
 * **Details**
 *
 * `at-most-once`: some may be lost, more than the loss windows of the other levels. `at-least-once`: each arrives, some
 * more than once. `effectively-once`: each arrives, and has its effect once. A level holds for all that its windows do
 * not name.
 *
 * @category models
 * @since 0.1.0
 */
export type Level = "at-most-once" | "at-least-once" | "effectively-once"

/**
 * The levels, the weakest first.
 *
 * @category constants
 * @since 0.1.0
 */
export const levels: ReadonlyArray<Level> = ["at-most-once", "at-least-once", "effectively-once"]

/**
 * What a stream promises between the outside and its channel, and what it does not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Guarantee {
  readonly level: Level
  /** What the level follows from. */
  readonly because: string
  /** What can be lost. Empty: nothing. */
  readonly losses: ReadonlyArray<Window>
  /** What can come twice. Empty: nothing. */
  readonly duplicates: ReadonlyArray<Window>
  /** In which order messages arrive. */
  readonly order: string
  /** What would raise the level, or close a window. Empty: nothing would. */
  readonly raise: ReadonlyArray<string>
}

/** In the memory of too few servers, all that is stored ends with a process that is killed. */
const isLasting = (stored: Stored | undefined): stored is Stored =>
  stored !== undefined && (stored.storage === "file" || stored.replicas >= 3)

const notKept = (stored: Stored | undefined): string =>
  stored === undefined
    ? "core NATS keeps nothing: what no subscriber takes at that moment is gone"
    : "the channel's stream is in the memory of too few servers: it ends when they restart"

type Ruled = readonly [level: Level, because: string]

const ofIngress = ({ fenced, saved, source, stored }: Ingress): Ruled => {
  if (source === "lossy") return ["at-most-once", "the source can neither acknowledge nor be read again"]
  if (!isLasting(stored)) return ["at-most-once", notKept(stored)]
  if (source === "acknowledged") {
    return ["at-least-once", "the source is acknowledged when the broker has stored what it gave, and not before"]
  }
  if (stored.retention !== "limits") {
    const problem =
      `with retention "${stored.retention}" the channel's last message does not stay, and the position with it`
    return saved ? ["at-least-once", `${problem}: it is saved a second behind`] : ["at-most-once", problem]
  }
  if (!fenced) return ["at-least-once", "the position is stored with the message, by a writer that is not the only one"]
  return [
    "effectively-once",
    "the position is stored with the message, by the only writer, and each message expects the one before it"
  ]
}

const ofEgress = ({ idempotent, remembersMillis, stored }: Egress): Ruled => {
  if (!isLasting(stored)) return ["at-most-once", notKept(stored)]
  return idempotent
    ? [
      "effectively-once",
      `a message is acknowledged when the sink has it, and the sink takes each id once${
        remembersMillis === undefined ? "" : ` within ${duration(remembersMillis)}`
      }`
    ]
    : [
      "at-least-once",
      "a message is acknowledged when the sink has it; the sink does not tell a second time from the first"
    ]
}

const orderOf = (facts: Facts): string => {
  const { leased, stored } = facts
  if (facts.direction === "INGRESS") {
    return stored === undefined ? "as the source gives it, between the gaps" : "as the source gives it"
  }
  if (facts.ordering === "none") return "none: what fails is passed by others"
  if (stored === undefined) return "that of the channel, for each process by itself"
  return leased
    ? `that of the channel: what fails holds all behind its batch, for ${
      duration(facts.horizonMillis ?? Infinity)
    } at most unless the outside is away; of its batch a sink that names what failed may have taken others first`
    : "that of the channel as long as one process runs the stream: no lease keeps it to one"
}

const raises = (facts: Facts): ReadonlyArray<string> => {
  const { leased, stored } = facts
  const ingress = facts.direction === "INGRESS"
  const needsState = !leased && (ingress || stored !== undefined) && (ingress || facts.ordering === "strict")
  const needsPlace = ingress ? facts.source === "resumable" && !facts.saved : facts.deadLetters === "memory"
  return [
    ...(ingress && facts.source === "lossy"
      ? ["a source that is acknowledged or can be read again (Delivery.acknowledged, Delivery.resumable)"]
      : []),
    ...(stored === undefined ? ["JetStream as the transport (KPS_TRANSPORT=jetstream)"] : []),
    ...(needsState || needsPlace
      ? [`shared state (KPS_STATE=jetstream): ${
        [
          ...(needsState ? ["a lease keeps the stream to one process"] : []),
          ...(needsPlace ? [ingress ? "positions outlive the process" : "dead letters outlive the process"] : [])
        ].join(", ")
      }`]
      : []),
    ...(ingress || facts.idempotent ? [] : ["a sink that takes each id once (idempotent: true)"]),
    ...(ingress && facts.source === "acknowledged" ? ["a source that can be read again (Delivery.resumable)"] : []),
    ...(stored?.storage === "memory" ? ["a stream on disk (NATS_JS_STORAGE=file)"] : []),
    ...(stored !== undefined && stored.replicas < 3
      ? ["a stream on three servers (NATS_JS_REPLICAS=3), for the loss of power or of a machine"]
      : []),
    ...(ingress && stored !== undefined && stored.retention !== "limits" && facts.source === "resumable"
      ? ["a stream with retention \"limits\""]
      : []),
    ...(!ingress && stored !== undefined && stored.maxAgeMillis !== null
      ? ["a longer age of what the channel keeps (NATS_JS_MAX_AGE)"]
      : []),
    ...(!ingress && stored?.discard === "old" && (stored.maxBytes !== null || stored.maxMessages !== null)
      ? ["a channel that refuses what it has no room for (NATS_JS_DISCARD=new), or more room (NATS_JS_MAX_BYTES)"]
      : [])
  ]
}

/**
 * Says what a stream promises.
 *
 * **Details**
 *
 * Of an ingress stream: from its source until the channel's stream has stored it, or core NATS has had it. Of an egress
 * stream: from the channel until the sink has it. A way through several streams promises what its weakest one does. Never
 * says more than holds when processes are killed, stopped and cut off at any moment; what the loss of power, of a
 * machine or of a disk takes is in the windows.
 *
 * @category guarantees
 * @since 0.1.0
 */
export const guarantee = (facts: Facts): Guarantee => {
  const [level, because] = facts.direction === "INGRESS" ? ofIngress(facts) : ofEgress(facts)
  return {
    level,
    because,
    losses: losses(facts),
    duplicates: duplicates(facts),
    order: orderOf(facts),
    raise: raises(facts)
  }
}
