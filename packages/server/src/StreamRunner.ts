/**
 * Runs one stream as it was asked for: opens it, pumps, tries again, gives up, ends.
 *
 * @since 0.1.0
 */
import type { Connector, Delivery } from "@kps/connector"
import type { JetStream, Packing, TransportError } from "@kps/transport"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { Backoff } from "./Backoff.ts"
import * as ConfirmedPump from "./ConfirmedPump.ts"
import type { DeadLetters } from "./DeadLetters.ts"
import * as EgressPump from "./EgressPump.ts"
import { durableName, EgressSubscription } from "./EgressSubscription.ts"
import { IngressWriter } from "./IngressWriter.ts"
import type { Held, Lease } from "./Lease.ts"
import * as LossyPump from "./LossyPump.ts"
import type { Positions } from "./Positions.ts"
import type { SourcePosition } from "./SourcePosition.ts"
import * as Spans from "./Spans.ts"
import type { StreamCounts } from "./StreamCounts.ts"
import type * as StreamDelivery from "./StreamDelivery.ts"
import { type Failures, type Fault, fencedBy, fromCause, GivenUp } from "./StreamFault.ts"
import * as StreamGuarantee from "./StreamGuarantee.ts"
import * as StreamPhase from "./StreamPhase.ts"
import type { StreamReport } from "./StreamReport.ts"
import type { StreamOutcome, StreamSpec, StreamState } from "./StreamSpec.ts"
import { type Connection, StreamTransport } from "./StreamTransport.ts"
import type { Supervision } from "./Supervision.ts"
import type { Desk } from "./Tally.ts"

/** An opened stream that was in trouble before does well when it stayed open for so long, or when something flowed. */
const settlesAfter = "1 second"

/**
 * What all streams of a connector share.
 *
 * @category models
 * @since 0.1.0
 */
export interface Environment {
  readonly instance: string
  readonly bound: Connector.Bound<unknown, unknown>
  readonly failures: Failures
  readonly connection: Connection
  /** By which limits an ingress stream packs, by its id. */
  readonly packingOf: (streamId: string) => Packing.Packing | undefined
  /** What becomes of the items of an egress stream that fail, by its id. */
  readonly deliveryOf: (streamId: string) => StreamDelivery.Resolved
  readonly deadLetters: DeadLetters["Service"]
  /** What JetStream keeps for channels; absent where they are not in it. */
  readonly jetStream: JetStream.JetStream["Service"] | undefined
  /** How the broker keeps channels. Absent: it does not. */
  readonly keeping: StreamGuarantee.Keeping | undefined
  readonly clock: Clock.Clock
  readonly desk: Desk
  /** What a stream gets the lease from that it runs by. Absent: it needs none. */
  readonly leaseOf: (spec: StreamSpec) => Lease["Service"] | undefined
  /** Where positions outlive the process. Absent: nowhere. */
  readonly positions: Positions["Service"] | undefined
}

/** The lease that a stream runs by, and where it is from. */
interface Leased {
  readonly held: Held
  readonly lease: Lease["Service"]
}

/** From one start to its end: by itself, or because it was told to. */
interface Run {
  readonly fiber: Fiber.Fiber<void>
  /** Absent while it waits for its turn, or for its lease. */
  term: Term | undefined
  /** Succeeds when it is to take no more and to finish what it has, by whichever lease. */
  readonly draining: Deferred.Deferred<void>
  /** It was told to stop. */
  stopping: boolean
}

/** What has the channel in hand: for as long as the stream runs, or holds its lease. */
interface Term {
  readonly stream: Supervision
  readonly subscription: EgressSubscription
  readonly leased: Leased | undefined
  /** Of a stream that is to be the only one that writes to its channel: since its source was opened. */
  writer: IngressWriter | undefined
  /** Between the opening and the end of a try: something may be in hand. */
  pumping: boolean
}

/** How long a stream that drains waits between tries, at most. */
const hurriedMillis = 500

/**
 * One stream with its parameters; other parameters are another runner's.
 *
 * **Details**
 *
 * All methods act at once, and wait for nothing. One run is at work at a time: `start` is for a runner that is new,
 * halted or stopped.
 *
 * @category models
 * @since 0.1.0
 */
export class StreamRunner {
  readonly spec: StreamSpec
  readonly report: StreamReport
  readonly counts: StreamCounts
  readonly position: SourcePosition
  private readonly environment: Environment
  private readonly backoff = new Backoff()
  private phase: StreamPhase.StreamPhase = { _tag: "Starting" }
  private settled = Deferred.makeUnsafe<void>()
  private current: Run | undefined

  constructor(
    spec: StreamSpec,
    report: StreamReport,
    counts: StreamCounts,
    position: SourcePosition,
    environment: Environment
  ) {
    this.spec = spec
    this.report = report
    this.counts = counts
    this.position = position
    this.environment = environment
  }

  /** Waits for the first outcome since the last start. */
  get whenSettled(): Effect.Effect<void> {
    return Deferred.await(this.settled)
  }

  get isSettled(): boolean {
    return Deferred.isDoneUnsafe(this.settled)
  }

  get isHalted(): boolean {
    return this.phase._tag === "Halted"
  }

  /** The fiber of the run at work, or of the last one. */
  get fiber(): Fiber.Fiber<void> | undefined {
    return this.current?.fiber
  }

  /** What it is doing. */
  get state(): StreamState {
    return StreamPhase.state(this.phase, this.environment.connection.lost(), this.environment.desk.now())
  }

  /** How it came out; nothing while it did not. */
  get outcome(): StreamOutcome | undefined {
    return StreamPhase.outcome(this.spec.id, this.state)
  }

  /** Starts when all of `after` have ended. */
  start(after: ReadonlyArray<Fiber.Fiber<unknown>>): void {
    // One that is done or halted may still hold its lease.
    this.current?.fiber.interruptUnsafe()
    this.phase = { _tag: "Starting" }
    this.settled = Deferred.makeUnsafe()
    const program = Effect.yieldNow.pipe(
      Effect.andThen(Fiber.awaitAll(after)),
      Effect.andThen(Effect.suspend(() => this.terms(run))),
      Effect.catchDefect(this.broken)
    )
    const run: Run = {
      fiber: this.environment.desk.runFork(program),
      term: undefined,
      draining: Deferred.makeUnsafe(),
      stopping: false
    }
    this.current = run
  }

  /** Takes the transport away and interrupts. The fiber ends when the finalizers have run. */
  stop(): void {
    const run = this.current
    if (run === undefined || run.stopping) return
    run.stopping = true
    // There is nothing more to wait for.
    Deferred.doneUnsafe(this.settled, Exit.void)
    if (run.term !== undefined) this.environment.desk.runFork(run.term.stream.transport.revoke)
    run.fiber.interruptUnsafe()
  }

  /** Takes no more, finishes what was taken, and ends. What has taken nothing is stopped. */
  drain(): void {
    const run = this.current
    if (run === undefined || run.stopping) return
    const { term } = run
    if (term !== undefined && (term.pumping || term.subscription.isOpen)) {
      Deferred.doneUnsafe(run.draining, Exit.void)
    } else this.stop()
  }

  /** One term; or, by lease, one after the other: when it is lost, until it is had again. */
  private readonly terms = Effect.fnUntraced({ self: this }, function*(run: Run) {
    const lease = this.environment.leaseOf(this.spec)
    if (lease === undefined) return yield* this.term(run, undefined)
    const onWaiting = Effect.suspend(() => {
      this.enter({ _tag: "Standby" })
      return this.report.standby
    })
    while (true) {
      const ended = yield* Effect.scoped(Effect.flatMap(lease.acquire(this.spec.id, { onWaiting }), (held) => {
        this.phase = { _tag: "Starting" }
        return this.held(run, { held, lease })
      }))
      if (ended) return
      yield* this.report.standby
      // What it had taken is another replica's to finish.
      if (Deferred.isDoneUnsafe(run.draining)) return this.enter({ _tag: "Standby" })
      this.phase = { _tag: "Starting" }
    }
  })

  /** Until the lease is lost, or there is nothing more to hold it for. */
  private held(run: Run, leased: Leased): Effect.Effect<boolean> {
    const lost = Effect.andThen(
      leased.held.lost,
      // First of all: what ends after it cannot be heard of.
      Effect.suspend(() => run.term?.stream.transport.revoke ?? Effect.void)
    )
    // What is done, or given up, is not for another replica to begin.
    const kept = Effect.flatMap(this.term(run, leased), (drained) => drained ? Effect.succeed(true) : Effect.never)
    return Effect.raceFirst(kept, Effect.as(lost, false))
  }

  /** True when it ended since it was told to drain. */
  private term(run: Run, leased: Leased | undefined): Effect.Effect<boolean> {
    const { clock, connection, deadLetters, failures, instance, jetStream } = this.environment
    const packing = this.environment.packingOf(this.spec.id)
    const delivery = this.environment.deliveryOf(this.spec.id)
    const stream: Supervision = {
      instance,
      streamId: this.spec.id,
      transport: new StreamTransport(connection, this.spec.channel, {
        onUncertain: this.counts.onUncertain,
        packing,
        held: leased?.held
      }),
      report: this.report,
      failures,
      delivery,
      deadLetters,
      jetStream,
      clock,
      draining: run.draining,
      backOff: (fault) => Effect.flatMap(this.backOff(fault), (again) => again ? Effect.void : new GivenUp()),
      well: this.well
    }
    const term: Term = {
      stream,
      subscription: new EgressSubscription(stream),
      writer: undefined,
      leased,
      pumping: false
    }
    run.term = term
    this.report.counts = this.counts
    return this.attempts(term).pipe(
      Effect.ensuring(Effect.andThen(term.subscription.close, stream.transport.revoke)),
      Effect.map(() => Deferred.isDoneUnsafe(stream.draining)),
      Effect.ensuring(Effect.sync(() => {
        if (run.term === term) run.term = undefined
      }))
    )
  }

  /** The connection was lost or found while the stream was open. */
  connectionChanged(lost: TransportError.TransportError | undefined): Effect.Effect<void> {
    const run = this.current
    if (this.phase._tag !== "Running" || run === undefined || run.stopping) return Effect.void
    if (lost !== undefined) return this.report.unavailable(lost)
    return this.report.isTroubled ? this.well : Effect.void
  }

  private readonly attempts = Effect.fnUntraced({ self: this }, function*(term: Term) {
    while (true) {
      const exit = yield* Effect.exit(Effect.scoped(this.attempt(term)))
      term.pumping = false
      // Given up in place.
      if (this.phase._tag === "Halted") return
      const draining = Deferred.isDoneUnsafe(term.stream.draining)
      if (Exit.isSuccess(exit)) {
        if (!draining) yield* this.report.done
        return this.enter({ _tag: "Done" })
      }
      // What the source had given is settled by now, or the sink has had all that came. There is nothing else to finish.
      if (draining && (this.spec.direction === "INGRESS" || term.subscription.isFinished)) {
        return this.enter({ _tag: "Done" })
      }
      const fault = yield* fromCause(exit.cause, term.stream.failures, this.spec.id)
      const fence = fencedBy(exit.cause)
      const again = fence === undefined ? fault : term.writer?.afterFence(fault, fence) ?? fault
      if (!(yield* this.backOff(again))) return
    }
  })

  private attempt(term: Term): Effect.Effect<void, Connector.Tagged, Scope.Scope> {
    const { bound } = this.environment
    const { channel, direction, id, parameters } = this.spec
    const asked = { id, channel, parameters, config: bound.config }
    return Effect.andThen(
      // What a subscription has brought can be delivered without the broker.
      term.subscription.isOpen ? Effect.void : term.stream.transport.requireConnected,
      direction === "INGRESS"
        ? Option.match(bound.ingress, {
          onNone: () => unsupported,
          onSome: (open) => this.ingress(term, () => open(asked))
        })
        : Option.match(bound.egress, {
          onNone: () => unsupported,
          onSome: (open) => this.egress(term, () => open(asked))
        })
    )
  }

  private ingress(term: Term, open: () => Opening<Source>) {
    return Effect.gen({ self: this }, function*() {
      const source = yield* Spans.opening(
        this.spec,
        Effect.tap(Effect.suspend(open), (source) => this.located(source, term))
      )
      yield* this.opened(term, StreamGuarantee.ofSource(source, this.around(term)))
      yield* Spans.running(this.spec, this.counts, this.environment.bound.within(this.pump(source, term)))
    })
  }

  /** A source whose position cannot be used is not open, nor is one that may not write to its channel. */
  private readonly located = Effect.fnUntraced({ self: this }, function*(
    this: StreamRunner,
    source: Source,
    term: Term
  ): Effect.fn.Return<void, Connector.Tagged, Scope.Scope> {
    const isResumable = source._tag === "Resumable"
    const writer = this.writer(isResumable, term)
    if (isResumable) yield* this.position.load
    const point = isResumable && writer !== undefined ? yield* writer.resumePoint : undefined
    if (point !== undefined) yield* this.position.resume(this.spec.channel, point)
    if (isResumable) yield* source.run((codec) => this.position.decode(Schema.toCodecJson(codec)))
    const opened = writer === undefined ? undefined : yield* writer.open(point)
    if (opened !== undefined) yield* term.stream.transport.publishBy(opened)
  })

  /** Of a stream that is to be the only one that writes to its channel. */
  private writer(isResumable: boolean, term: Term): IngressWriter | undefined {
    const { jetStream } = this.environment
    const { leased } = term
    if (jetStream === undefined || (leased === undefined && !isResumable)) return undefined
    const { channel, id: streamId } = this.spec
    term.writer ??= new IngressWriter({ streamId, channel, jetStream, leased, isResumable })
    return term.writer
  }

  private pump(source: Source, { stream }: Term) {
    switch (source._tag) {
      case "Lossy":
        return LossyPump.run(source, stream)
      case "Acknowledged":
        return ConfirmedPump.acknowledged(source.taken, stream)
      case "Resumable":
        return source.run((codec, from) => ConfirmedPump.resumable(codec, from, this.position, stream))
    }
  }

  private egress(term: Term, open: () => Opening<Delivery.Sink<Connector.Tagged, Scope.Scope>>) {
    return Effect.gen({ self: this }, function*() {
      const [sink, queue] = yield* Spans.opening(
        this.spec,
        Effect.all([Effect.suspend(open), term.subscription.open])
      )
      yield* this.opened(term, StreamGuarantee.ofSink(sink, this.around(term)))
      const delivering = EgressPump.run(sink, queue, term.subscription, term.stream)
      yield* Spans.running(this.spec, this.counts, this.environment.bound.within(delivering))
    })
  }

  private around({ stream }: Term): StreamGuarantee.Around {
    const { connection, positions } = this.environment
    const { deadLetters, delivery, failures, transport } = stream
    return {
      leased: transport.held !== undefined,
      saved: positions !== undefined,
      fenced: transport.isFenced,
      maxPayloadBytes: connection.maxPayloadBytes(),
      delivery,
      deadLetters,
      failures
    }
  }

  private readonly opened = Effect.fnUntraced({ self: this }, function*(term: Term, ends: StreamGuarantee.Ends) {
    term.pumping = true
    yield* StreamGuarantee.watch(
      ends,
      {
        channel: this.spec.channel,
        consumer: durableName(this.environment.instance, this.spec.id),
        keeping: this.environment.keeping
      },
      (facts) => this.report.promised(facts)
    )
    const now = this.environment.desk.now()
    this.backoff.healthy(now)
    // First the event, then the outcome: who has the reply finds both.
    if (!this.report.isTroubled) {
      yield* this.report.started
      return this.enter({ _tag: "Running", since: now })
    }
    this.enter({ _tag: "Running", since: now })
    yield* Effect.sleep(settlesAfter).pipe(
      Effect.andThen(Effect.suspend(() => this.phase._tag === "Running" ? this.well : Effect.void)),
      Effect.forkScoped
    )
  })

  /** Counts the fault, tells of it and waits. False when there is no further try. */
  private readonly backOff = Effect.fnUntraced({ self: this }, function*(fault: Fault) {
    const now = this.environment.desk.now()
    this.backoff.failed(now)
    const { attempts, since } = this.backoff
    if (attempts === 1) yield* this.log(fault)
    const wait = fault.action === "retry"
      ? this.backoff.delayMillis(fault.backoff, now, yield* Random.next)
      : undefined
    // The last try of an item is made when its horizon is up.
    const dueAt = this.current?.term?.subscription.dueAt ?? Infinity
    const delay = wait !== undefined && dueAt > now ? Math.min(wait, dueAt - now) : wait
    if (delay === undefined) {
      yield* this.report.halted(fault, { attempts, since })
      this.enter({ _tag: "Halted", failure: StreamPhase.failure(fault) })
      return false
    }
    yield* this.report.failed(fault, { attempts, since, nextRetry: now + delay })
    this.enter({ _tag: "Retrying", failure: StreamPhase.failure(fault), nextAt: now + delay })
    yield* this.pause(delay)
    if (fault.origin !== "author") yield* this.environment.connection.whenConnected
    return true
  })

  /** A stream that is to finish what it took does not sleep away the time there is for that. */
  private pause(millis: number): Effect.Effect<void> {
    const draining = this.current?.term?.stream.draining
    if (draining === undefined) return Effect.sleep(millis)
    const hurried = Effect.sleep(Math.min(millis, hurriedMillis))
    return Effect.raceFirst(Effect.sleep(millis), Effect.andThen(Deferred.await(draining), hurried))
  }

  /** Supervision itself failed, such as by a failures table that makes no sense. Nothing is left to try again with. */
  private readonly broken = Effect.fnUntraced({ self: this }, function*(problem: unknown) {
    const fault = yield* fromCause(Cause.die(problem), {}, this.spec.id)
    yield* this.report.halted(fault, { attempts: this.backoff.attempts, since: this.backoff.since })
    this.enter({ _tag: "Halted", failure: StreamPhase.failure(fault) })
  })

  private readonly well = Effect.suspend(() => {
    const now = this.environment.desk.now()
    this.backoff.healthy(now)
    if (this.phase._tag !== "Running") this.enter({ _tag: "Running", since: now })
    return this.report.healthy
  })

  private enter(phase: StreamPhase.StreamPhase): void {
    this.phase = phase
    Deferred.doneUnsafe(this.settled, Exit.void)
  }

  private log({ code, message, tag }: Fault): Effect.Effect<void> {
    return Effect.annotateLogs(Effect.logWarning("stream failed"), { streamId: this.spec.id, tag, code, message })
  }
}

type Source = Delivery.Source<Connector.Tagged, Scope.Scope>

type Opening<A> = Effect.Effect<A, Connector.Tagged, Scope.Scope>

/** Cannot happen: no stream of a direction that its class lacks gets past SetPayload. */
const unsupported = Effect.die("the connector has no streams of this direction")
