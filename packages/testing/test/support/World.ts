import { Effect, Latch, Queue, Schema, type Scope, Stream } from "effect"

export class Away extends Schema.TaggedError<Away>()("Away", { subject: Schema.String }) {
  override get message() {
    return `nothing answers for "${this.subject}"`
  }
}

interface Subject {
  readonly readers: Set<Queue.Queue<string, Away>>
  readonly seen: Set<Array<string>>
  readonly tries: Array<number>
  pulled: number
  acknowledged: number
  /** Taken and not acknowledged, in order: what comes again to the next reader. */
  kept: ReadonlyArray<string>
  flooding: boolean
  /** All that it was ever given. */
  readonly log: Array<string>
}

/** The outside of the memory connector: subjects that are read and written, and a hand on all of it. */
export class World {
  /** How many readers and writers there are. */
  open = 0
  away = false
  private readonly held = Latch.makeUnsafe(true)
  private readonly subjects = new Map<string, Subject>()

  at(subject: string): Subject {
    const known = this.subjects.get(subject)
    if (known !== undefined) return known
    const made: Subject = {
      readers: new Set(),
      seen: new Set(),
      tries: [],
      pulled: 0,
      acknowledged: 0,
      kept: [],
      flooding: false,
      log: []
    }
    this.subjects.set(subject, made)
    return made
  }

  /** What a stream does when it opens: nothing is there while the world is away, or for a stream that is `lost`. */
  readonly enter = (subject: string, lost: boolean): Effect.Effect<void, Away, Scope.Scope> =>
    Effect.suspend(() => {
      this.at(subject).tries.push(performance.now())
      if (lost || this.away) return Effect.fail(new Away({ subject }))
      return Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => this.open++),
        () => Effect.sync(() => this.open--)
      ))
    })

  /** A reader of the subject: what it takes next, at least one payload. */
  readonly reader = (
    subject: string
  ): Effect.Effect<Effect.Effect<ReadonlyArray<string>, Away>, never, Scope.Scope> => {
    const at = this.at(subject)
    return Effect.map(
      Effect.acquireRelease(
        Effect.tap(Queue.unbounded<string, Away>(), (queue) =>
          Effect.sync(() => {
            Queue.offerAllUnsafe(queue, at.kept)
            at.kept = []
            at.readers.add(queue)
          })),
        (queue) => Effect.sync(() => at.readers.delete(queue))
      ),
      (queue) =>
        Effect.suspend(() => at.flooding ? Effect.succeed(flood) : Queue.takeAll(queue)).pipe(
          Effect.tap((payloads) =>
            Effect.sync(() => {
              at.pulled += payloads.length
              if (!at.flooding) at.kept = [...at.kept, ...payloads]
            })
          )
        )
    )
  }

  /** Waits while the world is held. */
  readonly write = (subject: string, payloads: ReadonlyArray<string>): Effect.Effect<void, Away> =>
    Effect.andThen(
      this.held.await,
      Effect.suspend(() => {
        if (this.away) return Effect.fail(new Away({ subject }))
        for (const seen of this.at(subject).seen) seen.push(...payloads)
        return Effect.void
      })
    )

  readonly check = (subject: string): Effect.Effect<void, Away> =>
    Effect.suspend(() => this.away ? Effect.fail(new Away({ subject })) : Effect.void)

  /** The first of those that were taken are done with. */
  acknowledge(subject: string, count: number): void {
    const at = this.at(subject)
    at.acknowledged += count
    at.kept = at.kept.slice(count)
  }

  /** All that the subject was given from a number on, and what it will be given. */
  readonly from = (subject: string, next: number): Stream.Stream<string, Away> =>
    Stream.unwrap(Effect.gen({ self: this }, function*() {
      const at = this.at(subject)
      const queue = yield* Queue.unbounded<string, Away>()
      Queue.offerAllUnsafe(queue, at.log.slice(next))
      at.readers.add(queue)
      yield* Effect.addFinalizer(() => Effect.sync(() => at.readers.delete(queue)))
      return Stream.fromQueue(queue)
    }))

  feed(subject: string, payloads: ReadonlyArray<string>): void {
    this.at(subject).log.push(...payloads)
    for (const reader of this.at(subject).readers) Queue.offerAllUnsafe(reader, payloads)
  }

  flood(subject: string): void {
    this.at(subject).flooding = true
    this.feed(subject, ["first"])
  }

  readonly leave: Effect.Effect<void> = Effect.suspend(() => {
    this.away = true
    const readers = [...this.subjects].flatMap(([subject, at]) => [...at.readers].map((queue) => ({ queue, subject })))
    return Effect.forEach(readers, ({ queue, subject }) => Queue.fail(queue, new Away({ subject })), { discard: true })
  })

  readonly back: Effect.Effect<void> = Effect.sync(() => {
    this.away = false
  })

  get isHeld(): boolean {
    return !Latch.isOpen(this.held)
  }

  readonly hold: Effect.Effect<void> = Effect.asVoid(this.held.close)
  readonly release: Effect.Effect<void> = Effect.asVoid(this.held.open)
}

const flood: ReadonlyArray<string> = Array.from({ length: 512 }, (_, n) => `flood ${n}`)
