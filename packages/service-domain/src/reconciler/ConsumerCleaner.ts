/**
 * Removes durable consumers of pipelines that are not there any more.
 *
 * @since 0.1.0
 */
import { NatsConnection } from "@kps/transport"
import { type ConsumerInfo, type JetStreamManager, jetstreamManager } from "@nats-io/jetstream"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Documents } from "../documents/Documents.ts"
import type { Snapshot } from "../documents/Snapshot.ts"
import { consumerOf, consumerPrefix } from "../pipelines/PipelineDescription.ts"
import { specsOf } from "./PipelineSpecs.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How long a consumer has to be found without a pipeline before it is removed. Default: 5 seconds. */
  readonly settle?: Duration.Input | undefined
}

/** A consumer of a pipeline, and the channels of its stream. */
interface Found {
  readonly stream: string
  readonly name: string
  readonly channels: ReadonlyArray<string>
}

const keyOf = ({ name, stream }: Found): string => `${stream} ${name}`

/**
 * Whether a consumer is of no pipeline. Pure.
 *
 * **Details**
 *
 * It is of one that has a document, whichever service domain runs it, unless that is run somewhere and takes from another
 * channel wherever it is run. One that is refused or placed nowhere keeps its place in every channel: it may come back.
 */
const staleIn = (snapshot: Snapshot): (found: Found) => boolean => {
  const wanted = new Map<string, ReadonlySet<string> | "all">()
  const keepAll = (id: string) => wanted.set(consumerOf(id), "all")
  for (const { id: serviceDomain } of snapshot.list("serviceDomain")) {
    for (const [id, spec] of specsOf(snapshot, serviceDomain)) {
      const before = wanted.get(consumerOf(id))
      if (spec._tag === "Refuse" || before === "all") keepAll(id)
      else wanted.set(consumerOf(id), new Set([...before ?? [], ...spec.description.inputs.map((one) => one.channel)]))
    }
  }
  for (const { id } of snapshot.list("dataPipeline")) {
    if (!wanted.has(consumerOf(id))) keepAll(id)
  }
  return ({ channels, name }) => {
    const its = wanted.get(name)
    return its === undefined || (its !== "all" && !channels.some((channel) => its.has(channel)))
  }
}

/** A reader that lives has asked for messages. */
const isRead = ({ num_waiting }: ConsumerInfo): boolean => num_waiting > 0

const listed = async (manager: JetStreamManager): Promise<ReadonlyArray<Found>> => {
  const all: Array<Found> = []
  for await (const { config: { name: stream, subjects: channels = [] }, state } of manager.streams.list()) {
    if (state.consumer_count === 0) continue
    for await (const { name } of manager.consumers.list(stream)) {
      if (name.startsWith(consumerPrefix)) all.push({ stream, name, channels })
    }
  }
  return all
}

/**
 * Follows the documents until the scope is closed, and removes the consumers of pipelines whose document is not there, and
 * of those that do not take from the channel any more; also when that came to be while nobody looked.
 *
 * **Details**
 *
 * All service domains on a broker have one store, so a pipeline of another one has its document there. Left are consumers
 * that somebody reads, until nobody does. What is in the way is tried again.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<void, never, Documents | NatsConnection.NatsConnection | Scope.Scope> {
  const documents = yield* Documents
  const connection = yield* NatsConnection.NatsConnection
  const settle = options.settle ?? "5 seconds"

  const stale = Effect.fnUntraced(function*(manager: JetStreamManager) {
    const all = yield* Effect.tryPromise(() => listed(manager))
    // read behind the list: who made a consumer had its document
    return all.filter(staleIn(yield* documents.snapshot))
  })

  /** Succeeds when nothing is left to be removed. */
  const clean = Effect.gen(function*() {
    let suspects: ReadonlySet<string> = new Set()
    while (true) {
      const client = yield* connection.current
      const manager = yield* Effect.tryPromise(() => jetstreamManager(client, { checkAPI: false }))
      const found = yield* stale(manager)
      if (found.length === 0) return
      for (const one of found.filter((one) => suspects.has(keyOf(one)))) {
        const { name, stream } = one
        if (isRead(yield* Effect.tryPromise(() => manager.consumers.info(stream, name)))) continue
        yield* Effect.tryPromise(() => manager.consumers.delete(stream, name))
        yield* Effect.logInfo(
          `removed the consumer ${name} of the stream ${stream}: its pipeline is not there any more`
        )
      }
      suspects = new Set(found.map(keyOf))
      yield* Effect.sleep(settle)
    }
  }).pipe(
    Effect.tapError((error) => Effect.logDebug("consumers of removed pipelines are not removed yet", error)),
    Effect.catch(() => Effect.as(Effect.sleep(settle), "again" as const)),
    Effect.repeat({ until: (result) => result !== "again" })
  )

  yield* documents.changes.pipe(
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.runForEach(() => clean),
    Effect.forkScoped
  )
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, Documents | NatsConnection.NatsConnection> =>
  Layer.effectDiscard(make(options))
