/** The broker's end of a store of dead letters: questions to JetStream on the connection of the moment. */
import type { NatsConnection } from "@kps/transport"
import type { JetStreamClient, JetStreamManager, StreamInfo } from "@nats-io/jetstream"
import { jetstream, JetStreamApiError, jetstreamManager } from "@nats-io/jetstream"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { DeadLetterError, Unavailable } from "../DeadLetterError.ts"
import * as Key from "../Key.ts"

type Connection = NatsConnection.NatsConnection["Service"]
type Client = Effect.Success<Connection["current"]>

/** What is made on one connection, and of no use any more when that broke. */
export interface Session {
  readonly client: Client
  readonly js: JetStreamClient
  readonly manager: JetStreamManager
  /** The streams that are there, as they should be. */
  readonly opened: Set<string>
}

export interface Options {
  readonly prefix: string
  readonly replicas: number
  readonly timeout: Duration.Input
  /** Of the stream itself. */
  readonly limits: { readonly max_age: number; readonly max_bytes: number }
}

/** How long the id of a message makes a repeat of it be stored once. */
const duplicateWindowNanos = 120_000_000_000

const codeOf = (cause: unknown): number => cause instanceof JetStreamApiError ? cause.code : 0

/** There is a stream of that name with other settings. */
const inUse = 10058

/** No such stream, consumer or message; 10057: a message that is to be deleted is not there. */
const absent: ReadonlySet<number> = new Set([10059, 10014, 10037, 10057])

class Absent extends Data.TaggedError("Absent") {}

export class LetterStreams {
  private readonly connection: Connection
  private readonly options: Options
  private readonly sessions = new WeakMap<Client, Promise<Session>>()

  constructor(connection: Connection, options: Options) {
    this.connection = connection
    this.options = options
  }

  /** The name of the stream of an instance. */
  nameOf(instance: string): string {
    return `${this.options.prefix}-dead-letters-${Key.token(instance)}`
  }

  /** Of letters: of one stream, or of all. */
  letterSubject(instance: string, stream?: string): string {
    return `${this.rootOf(instance)}.letter.${stream === undefined ? "*" : Key.token(stream)}`
  }

  isLetter(instance: string, subject: string | undefined): boolean {
    return subject?.startsWith(`${this.rootOf(instance)}.letter.`) === true
  }

  /** Of the bytes that did not fit into the message of a letter. */
  tailSubject(instance: string, id: number | string): string {
    return `${this.rootOf(instance)}.tail.${id}`
  }

  /** Of the marks that a letter was replayed. */
  replaySubject(instance: string, id: number | string): string {
    return `${this.rootOf(instance)}.replayed.${id}`
  }

  /** How long one answer of the broker is waited for. */
  get timeoutMillis(): number {
    return Duration.toMillis(this.options.timeout)
  }

  /** Asks the broker for something; nothing when what it is asked about is not there. */
  ask<A>(
    instance: string,
    operation: string,
    run: (session: Session, name: string) => Promise<A>
  ): Effect.Effect<A | undefined, DeadLetterError> {
    const fail = (cause: unknown) => new DeadLetterError({ reason: new Unavailable({ operation, instance, cause }) })
    const asked = Effect.gen({ self: this }, function*() {
      const client = yield* Effect.mapError(this.connection.current, fail)
      const session = yield* Effect.tryPromise({ try: () => this.sessionOf(client), catch: fail })
      return yield* Effect.tryPromise({
        try: () => run(session, this.nameOf(instance)),
        catch: (cause) => absent.has(codeOf(cause)) ? new Absent() : fail(cause)
      }).pipe(Effect.catchTag("Absent", () => Effect.undefined))
    })
    return Effect.timeoutOrElse(asked, {
      duration: this.options.timeout,
      orElse: () => Effect.fail(fail(new Error("no answer in time")))
    })
  }

  /** Makes the stream, or gives it the limits that it should have, once for each connection. */
  open(instance: string, { manager, opened }: Session): Promise<unknown> {
    const { limits, replicas } = this.options
    const name = this.nameOf(instance)
    if (opened.has(name)) return Promise.resolve()
    return manager.streams.add({
      name,
      subjects: [`${this.rootOf(instance)}.>`],
      num_replicas: replicas,
      duplicate_window: duplicateWindowNanos,
      ...limits
    }).catch((cause: unknown) => codeOf(cause) === inUse ? manager.streams.update(name, limits) : Promise.reject(cause))
      .then(() => opened.add(name))
  }

  /** How the stream is, with the subjects under a filter and how many messages each has. */
  info(instance: string, filter?: string): Effect.Effect<StreamInfo | undefined, DeadLetterError> {
    const options = filter === undefined ? {} : { subjects_filter: filter }
    return this.ask(instance, "look at", ({ manager }, name) => manager.streams.info(name, options))
  }

  /** How often letters were replayed, by id. */
  replays(instance: string, id = "*"): Effect.Effect<ReadonlyMap<string, number>, DeadLetterError> {
    return Effect.map(this.info(instance, this.replaySubject(instance, id)), (info) => {
      const counts = new Map<string, number>()
      for (const [subject, count] of Object.entries(info?.state.subjects ?? {})) {
        counts.set(subject.slice(subject.lastIndexOf(".") + 1), count)
      }
      return counts
    })
  }

  message(instance: string, sequence: number) {
    return this.ask(instance, "read", ({ manager }, name) => manager.streams.getMessage(name, { seq: sequence }))
  }

  /** The last message of a subject. */
  last(instance: string, subject: string) {
    return this.ask(
      instance,
      "read",
      ({ manager }, name) => manager.streams.getMessage(name, { last_by_subj: subject })
    )
  }

  /** Whether it was there, and this removed it. */
  remove(instance: string, sequence: number): Effect.Effect<boolean, DeadLetterError> {
    return Effect.map(
      this.ask(instance, "remove", ({ manager }, name) => manager.streams.deleteMessage(name, sequence, false)),
      (removed) => removed === true
    )
  }

  /** Removes all messages of a subject. */
  purge(instance: string, subject: string) {
    return this.ask(instance, "remove", ({ manager }, name) => manager.streams.purge(name, { filter: subject }))
  }

  /** What its subjects begin with, before a dot. */
  private rootOf(instance: string): string {
    return `$KPS.DLQ.${this.options.prefix}.${Key.token(instance)}`
  }

  private sessionOf(client: Client): Promise<Session> {
    const known = this.sessions.get(client)
    if (known !== undefined) return known
    const timeout = this.timeoutMillis
    const made = jetstreamManager(client, { checkAPI: false, timeout }).then((manager) => ({
      client,
      js: jetstream(client, { timeout }),
      manager,
      opened: new Set<string>()
    }))
    this.sessions.set(client, made)
    return made
  }
}
