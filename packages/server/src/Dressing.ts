/**
 * What messages of a channel in JetStream carry beside their payloads: ids, and positions.
 *
 * @since 0.1.0
 */
import type { Channel, JetStream } from "@kps/transport"
import type { Mark } from "./ChannelPosition.ts"
import type { Entry } from "./Window.ts"

type Messages = ReadonlyArray<Channel.Message>
type Dressed = ReadonlyArray<JetStream.PublishedMessage>

/**
 * Adds to messages that are published now. `from` is the index of their first payload over all entries of the batch. The
 * same messages get the same, however often they are published.
 *
 * @category models
 * @since 0.1.0
 */
export type Dressing<T> = (messages: Messages, from: number, entries: ReadonlyArray<Entry<T>>) => Dressed

/**
 * Adds nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: Dressing<unknown> = (messages) => messages

/**
 * Adds ids, so that what is published a second time after some of it was refused is stored once. `prefix` is nobody
 * else's.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ids = <T>(prefix: string): Dressing<T> => {
  let batches = 0
  let current: ReadonlyArray<Entry<T>> | undefined
  return (messages, from, entries) => {
    if (entries !== current) batches++
    current = entries
    const stem = `${prefix}-${batches.toString(36)}-`
    let payload = from
    return messages.map((message) => {
      const id = stem + payload
      payload += message.payloads.length
      return { ...message, id }
    })
  }
}

/**
 * How the places of a source are written.
 *
 * @category models
 * @since 0.1.0
 */
export interface Places<T> {
  /** Of the first entry of a batch, before it. */
  readonly before: () => Mark
  /** Behind an entry, encoded. */
  readonly behind: (taken: T) => string
  /** Behind the payload of an entry with an index, where the source names one. */
  readonly within: (taken: T, index: number) => string | undefined
  readonly stamp: (mark: Mark) => string
}

/**
 * Adds to each message the place behind it: where it ends with an entry, or the source names one for each payload, that
 * position, else so many payloads behind that of the entry before.
 *
 * @category constructors
 * @since 0.1.0
 */
export const positions =
  <T extends { readonly payloads: ReadonlyArray<Uint8Array> }>(places: Places<T>): Dressing<T> =>
  (messages, from, entries) => {
    let next = 0
    let mark = places.before()
    let inside = from
    return messages.map((message) => {
      inside += message.payloads.length
      let passed: T | undefined
      let entry = entries[next]
      while (entry !== undefined && inside >= entry.taken.payloads.length) {
        passed = entry.taken
        inside -= passed.payloads.length
        entry = entries[++next]
      }
      if (passed !== undefined) mark = { at: places.behind(passed), plus: 0 }
      const at = inside === 0 || entry === undefined ? undefined : places.within(entry.taken, inside - 1)
      return {
        ...message,
        position: places.stamp(at === undefined ? { at: mark.at, plus: mark.plus + inside } : { at, plus: 0 })
      }
    })
  }
