/** The promise edge of the broker's client: a stream with a subject for each event, which has the event that came last. */
import {
  type Consumer,
  DiscardPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  RetentionPolicy,
  StorageType
} from "@nats-io/jetstream"
import type { Client } from "../../internal/onConnection.ts"

export interface EventStream {
  /** Puts an event in the place of the one with its id, or behind all others. */
  readonly put: (subject: string, event: Uint8Array) => Promise<void>
  /** All events under a filter. */
  readonly read: (filter: string) => Promise<ReadonlyArray<Uint8Array>>
  /** Removes all but the newest under a filter. */
  readonly trim: (filter: string, keep: number) => Promise<void>
}

export interface Limits {
  readonly name: string
  readonly replicas: number
  readonly maxAgeMillis: number
  readonly maxBytes: number
}

const nanosPerMilli = 1_000_000

/** How many events are asked for at a time, and how long they are waited for: some may be gone by then. */
const batch = 1_000
const patienceMillis = 1_500

const streamNameInUse = 10_058

export const open = async (
  client: Client,
  { maxAgeMillis, maxBytes, name, replicas }: Limits
): Promise<EventStream> => {
  const manager = await jetstreamManager(client)
  const js = jetstream(client)
  await manager.streams.info(name).catch(() =>
    manager.streams.add({
      name,
      subjects: [`${name}.>`],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_msgs_per_subject: 1,
      max_age: maxAgeMillis * nanosPerMilli,
      max_bytes: maxBytes,
      num_replicas: replicas
    })
  ).catch((cause: unknown) =>
    // another process was faster
    cause instanceof JetStreamApiError && cause.code === streamNameInUse ? undefined : Promise.reject(cause)
  )
  return {
    put: (subject, event) => js.publish(`${name}.${subject}`, event).then(() => undefined),
    read: async (filter) => {
      const consumer = await js.consumers.get(name, { filter_subjects: `${name}.${filter}` })
      const events = await take(consumer, (await consumer.info()).num_pending)
      await consumer.delete()
      return events
    },
    trim: (filter, keep) => manager.streams.purge(name, { filter: `${name}.${filter}`, keep }).then(() => undefined)
  }
}

/** So many events, or as many as there are yet. */
const take = async (consumer: Consumer, count: number): Promise<ReadonlyArray<Uint8Array>> => {
  if (count <= 0) return []
  const messages = await consumer.fetch({ max_messages: Math.min(batch, count), expires: patienceMillis })
  const events: Array<Uint8Array> = []
  for await (const { data } of messages) events.push(data)
  return events.length === 0 ? events : [...events, ...await take(consumer, count - events.length)]
}
