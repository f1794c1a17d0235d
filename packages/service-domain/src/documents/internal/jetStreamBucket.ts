/** The promise edge of the broker's client: a key-value bucket whose changes have one order, and an object store. */
import { jetstream, JetStreamApiError, jetstreamManager } from "@nats-io/jetstream"
import { Kvm, type KvWatchEntry } from "@nats-io/kv"
import { Objm } from "@nats-io/obj"
import { headers } from "@nats-io/transport-node"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Client, perConnection } from "../../internal/onConnection.ts"
import type { Entry, News } from "../Journal.ts"

export interface Bucket {
  /** The revision of the change; none if another one came first. The same id twice is one change. */
  readonly append: (
    key: string,
    value: Option.Option<Uint8Array>,
    after: number,
    id: string
  ) => Promise<Option.Option<number>>
  /** Everything that is there, then every change; fails or ends with the connection. */
  readonly follow: () => Promise<{ readonly items: Stream.Stream<News, unknown>; readonly stop: () => void }>
  readonly putObject: (name: string, bytes: Uint8Array) => Promise<void>
  readonly getObject: (name: string) => Promise<Option.Option<Uint8Array>>
  readonly removeObject: (name: string) => Promise<void>
  /** Removes objects that nothing leads to, of writers that ended in between: more than an hour old. */
  readonly sweepObjects: (known: ReadonlySet<string>) => Promise<void>
}

const wrongLastSequence = 10_071

const maxOrphanAgeMillis = 3_600_000

/** Opens a bucket on a connection, and makes it if it is not there; once for each connection. */
export const open = (name: string, replicas: number): (client: Client) => Promise<Bucket> =>
  perConnection((client) => make(client, name, replicas))

const make = async (client: Client, name: string, replicas: number): Promise<Bucket> => {
  const [kv, manager] = await Promise.all([
    new Kvm(client).create(name, { replicas, history: 1, allow_direct: false }),
    jetstreamManager(client)
  ])
  const js = jetstream(client)
  let store: ReturnType<Objm["create"]> | undefined
  const objects = () => store ??= new Objm(client).create(name, { replicas })

  return {
    append: (key, value, after, id) => {
      const marks = headers()
      if (Option.isNone(value)) marks.set("KV-Operation", "DEL")
      return js.publish(`$KV.${name}.${key}`, Option.getOrElse(value, () => new Uint8Array()), {
        headers: marks,
        msgID: id,
        expect: { lastSequence: after, streamName: `KV_${name}` }
      }).then(
        ({ seq }) => Option.some(seq),
        (cause: unknown) =>
          cause instanceof JetStreamApiError && cause.code === wrongLastSequence
            ? Option.none()
            : Promise.reject(cause)
      )
    },
    follow: async () => {
      const stream = `KV_${name}`
      const { state } = await manager.streams.info(stream)
      // what is there may end before the last change: markers of deletions can be removed
      const last = state.messages === 0
        ? null
        : await manager.streams.getMessage(stream, { last_by_subj: `$KV.${name}.>` })
      const watch = await kv.watch({ key: ">" })
      const entries = Stream.fromAsyncIterable(watch, (cause) => cause)
      return {
        stop: () => watch.stop(),
        items: last === null
          ? Stream.concat(
            Stream.succeed<News>({ _tag: "Loaded", entries: [], revision: state.last_seq }),
            Stream.map(entries, changed)
          )
          : Stream.mapAccum(
            entries,
            (): Array<Entry> | undefined => [],
            (loading, entry) => load(loading, entry, last.seq, state.last_seq)
          )
      }
    },
    putObject: (object, bytes) =>
      objects().then((store) => store.putBlob({ name: object }, bytes)).then(() => undefined),
    getObject: (object) => objects().then((store) => store.getBlob(object)).then(Option.fromNullishOr),
    removeObject: (object) => objects().then((store) => store.delete(object)).then(() => undefined),
    sweepObjects: async (known) => {
      // most stores have never had a large value
      if (known.size === 0 && store === undefined) return
      const all = await objects().then((store) => store.list())
      const now = Math.max(...all.map(({ mtime }) => Date.parse(mtime)))
      const orphans = all.filter(({ mtime, name }) => !known.has(name) && now - Date.parse(mtime) > maxOrphanAgeMillis)
      await objects().then((store) => Promise.all(orphans.map(({ name }) => store.delete(name))))
    }
  }
}

const toEntry = ({ key, operation, revision, value }: KvWatchEntry): Entry => ({
  key,
  revision,
  value: operation === "PUT" ? Option.some(value) : Option.none()
})

const changed = (entry: KvWatchEntry): News => ({ _tag: "Changed", entry: toEntry(entry) })

/**
 * Collects what is there up to the last change that was there at the beginning, or one that came in its place; then each
 * change by itself. How many are still to come is not looked at: where changes replace each other nats-server 2.9 counts
 * them wrong.
 */
const load = (
  loading: Array<Entry> | undefined,
  entry: KvWatchEntry,
  until: number,
  last: number
): readonly [Array<Entry> | undefined, ReadonlyArray<News>] => {
  if (loading === undefined) return [undefined, [changed(entry)]]
  loading.push(toEntry(entry))
  return entry.revision < until
    ? [loading, []]
    : [undefined, [{ _tag: "Loaded", entries: loading, revision: Math.max(last, entry.revision) }]]
}
