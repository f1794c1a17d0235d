/**
 * The events in force, by key, in order and within limits: the plain data behind `Events`.
 *
 * @since 0.1.0
 */
import type { EventPayload } from "@kps/idl"
import type { Clock } from "effect/Clock"
import * as EventMetadata from "./EventMetadata.ts"
import * as EventPayloads from "./EventPayloads.ts"
import * as LinkedList from "./LinkedList.ts"
import { eventsDropped } from "./StreamEvents.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  readonly maxEvents: number
  /** Of all events together, encoded in a `GetEventsResponse`. */
  readonly maxBytes: number
  /** How long what was cleared or removed is still reported. */
  readonly retentionMillis: number
}

/**
 * An event to be put in force.
 *
 * @category models
 * @since 0.1.0
 */
export interface Input extends Omit<EventPayloads.Recorded, "createdAtMillis"> {
  /** Events of one kind, slot and stream replace each other. */
  readonly slot: string
}

/**
 * The events in force.
 *
 * **Details**
 *
 * Every member takes effect at once and costs the same however many events there are; only a `snapshot` after a change
 * costs as much as there is to tell. What has run out is dropped by whichever member is called next.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventTable {
  /** Puts an event in force, or renews the one that stands. */
  readonly put: (input: Input, clock: Clock) => void
  /** Ends the alert of this name, if it stands in this slot. */
  readonly clear: (alert: { readonly name: string; readonly slot: string }, streamId: string, clock: Clock) => void
  /** Lets the events of a stream run out; the next of it that is put takes the place of all of them. */
  readonly removeStream: (streamId: string, clock: Clock) => void
  /** Everything in force, oldest first: the same array until something changes. */
  readonly snapshot: (clock: Clock) => ReadonlyArray<EventPayload>
  /** Milliseconds until the next event runs out; undefined when none will. */
  readonly untilNextExpiry: (clock: Clock) => number | undefined
}

interface Entry extends Readonly<Input> {
  readonly createdAtMillis: number
  message: Input["message"]
  severity: Input["severity"]
  metadata: Input["metadata"]
  byteLength: number
  /** Made when first asked for. */
  payload: EventPayload | undefined
  order: LinkedList.Node<Entry> | undefined
  /** Its place among those that go first when there is no room; undefined: it stays. */
  rank: { readonly list: LinkedList.LinkedList<Entry>; readonly node: LinkedList.Node<Entry> } | undefined
  /** Undefined while the event stands. */
  ending: LinkedList.Node<Ending> | undefined
}

interface OfStream {
  readonly alert: Map<string, Entry>
  readonly status: Map<string, Entry>
  /** What is told of it is of a stream that is gone. */
  removed: boolean
}

interface Ending {
  readonly entry: Entry
  /** On the clock that never goes back. */
  readonly atMillis: number
}

/** Below this part of both limits there is room again. */
const roomAgain = 0.9

/**
 * Makes an empty table.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (limits: Limits): EventTable => {
  // A map for each part of the key: no two keys are one.
  const streams = new Map<string, OfStream>()
  const order = LinkedList.make<Entry>()
  const ending = LinkedList.make<Ending>()
  const ranks = Array.from({ length: 4 }, () => LinkedList.make<Entry>())
  let count = 0
  let bytes = 0
  let dropped = 0
  let lastCreatedAtMillis = 0
  let cached: ReadonlyArray<EventPayload> | undefined = []

  const find = (kind: Input["kind"], slot: string, streamId: string) => streams.get(streamId)?.[kind].get(slot)
  const stands = (entry: Entry | undefined): entry is Entry => entry !== undefined && entry.ending === undefined

  const measure = (entry: Entry) => {
    bytes -= entry.byteLength
    entry.byteLength = EventPayloads.byteLength(entry)
    bytes += entry.byteLength
    entry.payload = undefined
    cached = undefined
  }

  const place = (entry: Entry) => {
    const list = isEventsDropped(entry) ? undefined : ranks[rankOf(entry)]
    if (entry.rank?.list === list) return
    entry.rank?.list.remove(entry.rank.node)
    entry.rank = list === undefined ? undefined : { list, node: list.add(entry) }
  }

  const insert = (input: Input, clock: Clock): Entry => {
    lastCreatedAtMillis = Math.max(lastCreatedAtMillis, Math.floor(clock.currentTimeMillisUnsafe()))
    const entry: Entry = {
      kind: input.kind,
      slot: input.slot,
      name: input.name,
      streamId: input.streamId,
      message: input.message,
      severity: input.severity,
      state: input.state,
      metadata: input.metadata,
      createdAtMillis: lastCreatedAtMillis,
      byteLength: 0,
      payload: undefined,
      order: undefined,
      rank: undefined,
      ending: undefined
    }
    const ofStream = streams.get(entry.streamId) ?? { alert: new Map(), status: new Map(), removed: false }
    streams.set(entry.streamId, ofStream)
    ofStream[entry.kind].set(entry.slot, entry)
    entry.order = order.add(entry)
    count++
    measure(entry)
    place(entry)
    return entry
  }

  const remove = (entry: Entry) => {
    const ofStream = streams.get(entry.streamId)
    ofStream?.[entry.kind].delete(entry.slot)
    if (ofStream?.alert.size === 0 && ofStream.status.size === 0) streams.delete(entry.streamId)
    if (entry.order !== undefined) order.remove(entry.order)
    if (entry.ending !== undefined) ending.remove(entry.ending)
    entry.rank?.list.remove(entry.rank.node)
    count--
    bytes -= entry.byteLength
    cached = undefined
  }

  const upsert = (input: Input, clock: Clock): Entry => {
    const found = find(input.kind, input.slot, input.streamId)
    if (!stands(found) || found.name !== input.name || found.state !== input.state) {
      if (found !== undefined) remove(found)
      return insert(input, clock)
    }
    const { message, metadata, severity } = input
    if (found.message !== message || found.severity !== severity || !EventMetadata.equals(found.metadata, metadata)) {
      Object.assign(found, { message, metadata, severity })
      measure(found)
      place(found)
    }
    return found
  }

  const end = (entry: Entry, clock: Clock) => {
    entry.ending = ending.add({ entry, atMillis: monotonicMillis(clock) + limits.retentionMillis })
    place(entry)
  }

  const clearEntry = (entry: Entry, clock: Clock) => {
    remove(entry)
    end(insert({ ...entry, severity: "INFO", state: "HEALTHY" }, clock), clock)
  }

  const expire = (clock: Clock) => {
    let first = ending.first()
    if (first === undefined) return
    const now = monotonicMillis(clock)
    for (; first !== undefined && first.atMillis <= now; first = ending.first()) remove(first.entry)
    settle(clock)
  }

  const countDrop = (clock: Clock) => {
    dropped++
    upsert(droppedInput(dropped), clock)
  }

  const settle = (clock: Clock) => {
    while (count > limits.maxEvents || bytes > limits.maxBytes) {
      const victim = ranks.find((rank) => rank.first() !== undefined)?.first()
      if (victim === undefined) return
      remove(victim)
      countDrop(clock)
    }
    const told = find("alert", eventsDropped.slot, "")
    const isRoom = count <= limits.maxEvents * roomAgain && bytes <= limits.maxBytes * roomAgain
    if (isRoom && stands(told) && isEventsDropped(told)) clearEntry(told, clock)
  }

  /** A stream that comes again under the id of one that is gone has nothing to do with what that one left. */
  const forgetRemoved = (streamId: string) => {
    const ofStream = streams.get(streamId)
    if (ofStream?.removed !== true) return
    ofStream.removed = false
    for (const entry of [...ofStream.alert.values(), ...ofStream.status.values()]) remove(entry)
  }

  return {
    put: (input, clock) => {
      expire(clock)
      forgetRemoved(input.streamId)
      const entry = upsert(input, clock)
      // What no room can hold must not push out everything else first.
      if (entry.byteLength > limits.maxBytes) {
        remove(entry)
        countDrop(clock)
      }
      settle(clock)
    },
    clear: (alert, streamId, clock) => {
      expire(clock)
      const found = find("alert", alert.slot, streamId)
      if (!stands(found) || found.name !== alert.name) return
      clearEntry(found, clock)
      settle(clock)
    },
    removeStream: (streamId, clock) => {
      expire(clock)
      const ofStream = streams.get(streamId)
      if (ofStream === undefined) return
      ofStream.removed = true
      for (const entry of [...ofStream.alert.values(), ...ofStream.status.values()]) {
        if (stands(entry)) end(entry, clock)
      }
    },
    snapshot: (clock) => {
      expire(clock)
      return cached ??= Array.from(order, (entry) => entry.payload ??= EventPayloads.make(entry))
    },
    untilNextExpiry: (clock) => {
      const first = ending.first()
      return first === undefined ? undefined : Math.max(0, first.atMillis - monotonicMillis(clock))
    }
  }
}

/** Who goes first when there is no room: 0 before 1, and of each the one that has been there longest. */
const rankOf = (entry: Entry): number => {
  if (entry.ending !== undefined) return 0
  if (entry.kind === "status") return 1
  return entry.severity === "INFO" ? 0 : entry.severity === "WARNING" ? 2 : 3
}

const isEventsDropped = (entry: Entry): boolean =>
  entry.name === eventsDropped.name && entry.kind === "alert" && entry.streamId === ""

const droppedInput = (dropped: number): Input => ({
  kind: "alert",
  slot: eventsDropped.slot,
  name: eventsDropped.name,
  streamId: "",
  message: eventsDropped.message,
  severity: eventsDropped.severity,
  state: eventsDropped.state,
  metadata: { ErrorMessage: `${dropped} events were dropped`, StreamID: "", ExtraMessage: { dropped } }
})

const monotonicMillis = (clock: Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
