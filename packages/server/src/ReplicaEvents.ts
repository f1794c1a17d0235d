/**
 * The events of all replicas as those of one connector.
 *
 * @since 0.1.0
 */
import { toBinary } from "@bufbuild/protobuf"
import { StreamEvents } from "@kps/events"
import { type EventPayload, EventPayloadSchema, State } from "@kps/idl"

/** What one answer holds: so much does one registry, too. */
const limits = { events: 10_000, bytes: 3_670_016 } as const

/** The statuses of a stream, of which it has one. */
const ofStream: ReadonlySet<string> = new Set(
  [
    StreamEvents.streamStarted,
    StreamEvents.streamHealthy,
    StreamEvents.streamUnhealthy,
    StreamEvents.streamHalted,
    StreamEvents.streamDone
  ].map(({ name }) => name)
)

/**
 * Puts events together: of those that replicas tell alike (an alert about a stream that several of them run, or about
 * each of them as a whole; a stream's status) the gravest one is told.
 *
 * **Details**
 *
 * Those that come first are those of this replica. There are no more than one replica can tell by itself: 10,000, and
 * 3.5 MiB; what comes last is left out.
 *
 * @category combining
 * @since 0.1.0
 */
export const merge = (
  own: ReadonlyArray<EventPayload>,
  others: ReadonlyArray<ReadonlyArray<EventPayload>>
): ReadonlyArray<EventPayload> => {
  if (others.every((events) => events.length === 0)) return own
  const told = new Map<string, EventPayload>()
  for (const event of [own, ...others].flat()) {
    const key = keyOf(event)
    const before = told.get(key)
    if (before === undefined || gravity(event) > gravity(before)) told.set(key, event)
  }
  const all = Array.from(told.values()).slice(0, limits.events)
  let bytes = 0
  const end = all.findIndex((event) => {
    // Tag and length of each.
    bytes += toBinary(EventPayloadSchema, event).length + 5
    return bytes > limits.bytes
  })
  return end === -1 ? all : all.slice(0, end)
}

const keyOf = ({ object }: EventPayload): string => {
  if (object.case === undefined) return ""
  const { id, streamId } = object.value
  const isStatus = object.case === "status" && ofStream.has(id)
  return JSON.stringify([object.case, isStatus ? "stream" : id, streamId])
}

/** Standing before cleared, severe before not, then by the state. */
const gravity = ({ object }: EventPayload): number => {
  if (object.case === undefined) return 0
  const state = states.indexOf(object.value.state)
  return object.case === "alert"
    ? (object.value.state === State.HEALTHY ? 0 : 100) + object.value.severity * 10 + state
    : state
}

const states: ReadonlyArray<State> = [
  State.HEALTHY,
  State.PROVISIONED,
  State.PROVISIONING,
  State.UNHEALTHY,
  State.FAILED
]
