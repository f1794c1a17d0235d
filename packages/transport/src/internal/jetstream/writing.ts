/** Publishing: a writer for each channel, and those that are fenced. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { randomBytes } from "node:crypto"
import type { ChannelName } from "../../Channel.ts"
import type * as JetStream from "../../JetStream.ts"
import type { PublishOptions, Transport } from "../../Transport.ts"
import { Closed, InvalidOption, TransportError, type TransportError as Failure } from "../../TransportError.ts"
import { onSystemClock } from "../broker.ts"
import { refused, validChannel } from "../channel.ts"
import { Call } from "./Call.ts"
import { type Ground, withSession } from "./Ground.ts"
import * as outgoing from "./outgoing.ts"
import { Writer } from "./Writer.ts"

type Messages = ReadonlyArray<JetStream.PublishedMessage>

export interface Writing {
  readonly publishAll: Transport["Service"]["publishAll"]
  readonly publishConfirmed: Transport["Service"]["publishConfirmed"]
  readonly flush: Transport["Service"]["flush"]
  /** Succeeds when what was published on the channel before is stored, or cannot be. */
  readonly settled: (channel: ChannelName) => Effect.Effect<void>
  readonly writer: JetStream.JetStream["Service"]["writer"]
}

/** Everything that was published gets some time to be stored; what is not is counted. */
const finish = (ground: Ground, writer: Writer): Effect.Effect<void> =>
  writer.flush.pipe(
    Effect.timeoutOption(Duration.millis(ground.drainMillis)),
    Effect.ignore,
    Effect.andThen(Effect.sync(() => writer.close())),
    onSystemClock
  )

/** The writer of a channel on which nothing was published for so long is let go. */
const idleMillis = 60_000

/** The writers live in the scope. */
export const make = Effect.fnUntraced(function*(ground: Ground): Effect.fn.Return<Writing, never, Scope.Scope> {
  // of what is added to a scope the last is closed first: writers go on until everything had its time to be stored
  const running = yield* Scope.fork(yield* Effect.scope)
  const writers = new Map<ChannelName, Writer>()
  let made = 0
  let closing = false

  const open = (channel: ChannelName, options?: JetStream.WriterOptions): Writer => {
    const writer = new Writer({
      channel,
      number: ++made,
      sessions: ground.sessions,
      ensure: ground.ensure,
      counters: ground.counters,
      stats: ground.stats,
      maxMessages: ground.maxUnconfirmedMessages,
      maxBytes: ground.maxUnconfirmedBytes,
      ackMillis: ground.ackMillis,
      ordered: ground.ordered || options !== undefined,
      idPrefix: `${randomBytes(9).toString("base64url")}-`,
      epoch: options?.epoch,
      after: options?.after,
      now: ground.now
    })
    ground.watched.add(writer)
    return writer
  }

  const letGo = (channel: ChannelName, writer: Writer): void => {
    if (writers.get(channel) === writer) writers.delete(channel)
    ground.watched.delete(writer)
  }

  const writerOf = Effect.fnUntraced(function*(channel: ChannelName) {
    const there = writers.get(channel)
    if (there !== undefined) {
      there.touch()
      return there
    }
    if (closing) return yield* new TransportError({ reason: new Closed({}) })
    const writer = open(channel)
    writers.set(channel, writer)
    yield* Effect.forkIn(Effect.ensuring(onSystemClock(writer.run), Effect.sync(() => letGo(channel, writer))), running)
    return writer
  })

  const evict = () => {
    for (const [channel, writer] of writers) {
      if (!writer.isIdleFor(idleMillis)) continue
      letGo(channel, writer)
      writer.close()
    }
  }
  ground.watched.add({ check: evict })

  /** `count` messages were not taken. */
  const failed = (error: Failure, count: number): Effect.Effect<never, Failure> => {
    ground.counters.publishErrors += count
    return Effect.fail(error)
  }

  const addFrom = (writer: Writer, messages: Messages, from: number, call: Call): Effect.Effect<void, Failure> => {
    const next = writer.add(messages, from, call)
    return next === messages.length
      ? Effect.void
      : writer.room(call).pipe(
        Effect.catch((error) => failed(error, messages.length - next)),
        // acknowledgements come in one turn for as long as there are any: others go on between two windows
        Effect.andThen(Effect.yieldNow),
        Effect.flatMap(() => addFrom(writer, messages, next, call))
      )
  }

  const publish = Effect.fnUntraced(function*(
    channel: ChannelName,
    messages: Messages,
    confirmed: boolean,
    options: PublishOptions | undefined,
    own: Writer | undefined
  ) {
    const problem = refused(channel)
    if (problem !== undefined) return yield* failed(problem, messages.length)
    const rejected = (error: Failure) => failed(error, messages.length)
    const client = yield* ground.connected.pipe(Effect.catch(rejected))
    const ofServer = client.info?.max_payload ?? 0
    const check = (maxBytes: number) => outgoing.refusal(channel, messages, maxBytes)
    const refusal = check(ofServer)
    if (refusal !== undefined) return yield* rejected(refusal)
    const writer = own ?? (yield* writerOf(channel).pipe(Effect.catch(rejected)))
    yield* writer.ready.pipe(Effect.catch(rejected))
    const narrower = () => writer.maxMessageBytes < ofServer ? check(writer.maxMessageBytes) : undefined
    if (narrower() !== undefined) {
      // it may be another one by now
      yield* withSession(ground, (session) => writer.lookAtLimit(session)).pipe(Effect.catch(rejected))
      const refusal = narrower()
      if (refusal !== undefined) return yield* rejected(refusal)
    }
    const call = new Call(confirmed, options?.onUncertain)
    yield* addFrom(writer, messages, 0, call)
    if (confirmed) yield* call.whenStored
  })

  yield* Effect.addFinalizer(() => {
    closing = true
    return Effect.forEach(Array.from(writers.values()), (writer) => finish(ground, writer), {
      concurrency: "unbounded",
      discard: true
    })
  })

  return {
    publishAll: (channel, messages, options) => publish(channel, messages, false, options, undefined),
    publishConfirmed: (channel, messages, options) => publish(channel, messages, true, options, undefined),
    flush: Effect.andThen(
      ground.connected,
      Effect.suspend(() => Effect.forEach(writers.values(), (writer) => writer.flush, { discard: true }))
    ),
    settled: (channel) => Effect.ignore(Effect.suspend(() => writers.get(channel)?.flush ?? Effect.void)),
    writer: Effect.fnUntraced(function*(channel, options) {
      yield* validChannel(channel)
      for (const [option, value] of [["epoch", options.epoch], ["after", options.after ?? 0]] as const) {
        if (Number.isSafeInteger(value) && value >= 0) continue
        const problem = `it is ${value}, want a whole number of at least 0`
        return yield* new TransportError({ reason: new InvalidOption({ option, problem }) })
      }
      yield* ground.connected
      const own = yield* Scope.fork(yield* Effect.scope)
      const writer = open(channel, options)
      yield* Effect.forkIn(onSystemClock(writer.run), own)
      yield* Scope.addFinalizer(
        own,
        Effect.andThen(finish(ground, writer), Effect.sync(() => ground.watched.delete(writer)))
      )
      yield* Effect.onError(writer.ready, (cause) => Scope.close(own, Exit.failCause(cause)))
      return {
        publishAll: (messages, options) => publish(channel, messages, false, options, writer),
        publishConfirmed: (messages, options) => publish(channel, messages, true, options, writer),
        flush: writer.flush,
        sequence: Effect.sync(() => writer.sequence)
      }
    })
  }
})
