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
 * Adds to each message the place behind it: where it ends with an entry, the entry's own position, else so many payloads
 * behind that of the one before. `before` is the place of the first entry, `at` encodes the position of an entry.
 *
 * @category constructors
 * @since 0.1.0
 */
export const positions = <T extends { readonly payloads: ReadonlyArray<Uint8Array> }>(
  before: () => Mark,
  at: (taken: T) => string,
  stamp: (mark: Mark) => string
): Dressing<T> =>
(messages, from, entries) => {
  let next = 0
  let mark = before()
  let behind = from
  return messages.map((message) => {
    behind += message.payloads.length
    let passed: T | undefined
    for (let entry = entries[next]; entry !== undefined; entry = entries[next]) {
      const { length } = entry.taken.payloads
      if (behind < length) break
      behind -= length
      passed = entry.taken
      next++
    }
    if (passed !== undefined) mark = { at: at(passed), plus: 0 }
    return { ...message, position: stamp({ at: mark.at, plus: mark.plus + behind }) }
  })
}
