/**
 * One stream while it has its channel in hand: opens its ends, pumps, and tries again, until it ends or is given up.
 *
 * @since 0.1.0
 */
import type { Connector, Delivery } from "@kps/connector"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as EgressPump from "./EgressPump.ts"
import { durableName, EgressSubscription } from "./EgressSubscription.ts"
import { IngressSource } from "./IngressSource.ts"
import type { Leased } from "./IngressWriter.ts"
import type { SourcePosition } from "./SourcePosition.ts"
import * as Spans from "./Spans.ts"
import type { StreamCondition } from "./StreamCondition.ts"
import type { StreamCounts } from "./StreamCounts.ts"
import type { StreamEnvironment } from "./StreamEnvironment.ts"
import { type Fault, fencedBy, fromCause, GivenUp } from "./StreamFault.ts"
import * as StreamGuarantee from "./StreamGuarantee.ts"
import type { StreamReport } from "./StreamReport.ts"
import type { StreamSpec } from "./StreamSpec.ts"
import { StreamTransport } from "./StreamTransport.ts"
import type { Supervision } from "./Supervision.ts"

/** How long a stream that drains waits between tries, at most. */
const hurriedMillis = 500

/**
 * What a stream has from one term to the next: its runner.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lasting {
  readonly spec: StreamSpec
  readonly report: StreamReport
  readonly counts: StreamCounts
  readonly position: SourcePosition
  readonly condition: StreamCondition
  readonly environment: StreamEnvironment
}

/**
 * From the moment the channel may be used, for as long as the stream runs, or holds its lease.
 *
 * **Details**
 *
 * Its transport is its own: once revoked, nothing more is published or delivered by this term, whatever goes on.
 *
 * @category models
 * @since 0.1.0
 */
export class StreamTerm {
  private readonly lasting: Lasting
  private readonly stream: Supervision
  private readonly source: IngressSource
  private readonly subscription: EgressSubscription
  /** Between the opening and the end of a try: something may be in hand. */
  private pumping = false

  /** `draining` succeeds when it is to take no more and to finish what it has. */
  constructor(lasting: Lasting, leased: Leased | undefined, draining: Deferred.Deferred<void>) {
    const { condition, counts, environment, report, spec } = lasting
    const { clock, connection, deadLetters, failures, instance, jetStream } = environment
    this.lasting = lasting
    this.stream = {
      instance,
      streamId: spec.id,
      transport: new StreamTransport(connection, spec.channel, {
        onUncertain: counts.onUncertain,
        packing: environment.packingOf(spec.id),
        held: leased?.held
      }),
      report,
      failures,
      delivery: environment.deliveryOf(spec.id),
      deadLetters,
      jetStream,
      clock,
      draining,
      backOff: (fault) => Effect.flatMap(this.backOff(fault), (again) => again ? Effect.void : new GivenUp()),
      well: condition.well
    }
    this.source = new IngressSource(this.stream, lasting.position, leased)
    this.subscription = new EgressSubscription(this.stream)
  }

  /** Whether something may be in hand. */
  get hasTaken(): boolean {
    return this.pumping || this.subscription.isOpen
  }

  /** Takes the transport away. */
  get revoke(): Effect.Effect<void> {
    return this.stream.transport.revoke
  }

  /** All tries. True when it ended since it was told to drain. */
  get run(): Effect.Effect<boolean> {
    return this.attempts().pipe(
      Effect.ensuring(Effect.andThen(this.subscription.close, this.revoke)),
      Effect.map(() => this.isDraining)
    )
  }

  private get isDraining(): boolean {
    return Deferred.isDoneUnsafe(this.stream.draining)
  }

  private readonly attempts = Effect.fnUntraced({ self: this }, function*() {
    const { condition, report, spec } = this.lasting
    while (true) {
      const exit = yield* Effect.exit(Effect.scoped(this.attempt()))
      this.pumping = false
      // Given up in place.
      if (condition.isHalted) return
      const { isDraining } = this
      if (Exit.isSuccess(exit)) {
        if (!isDraining) yield* report.done
        return condition.done()
      }
      // What the source had given is settled by now, or the sink has had all that came. There is nothing else to finish.
      if (isDraining && (spec.direction === "INGRESS" || this.subscription.isFinished)) return condition.done()
      const fault = yield* fromCause(exit.cause, this.stream.failures, spec.id)
      const fence = fencedBy(exit.cause)
      const again = fence === undefined ? fault : this.source.afterFence(fault, fence)
      if (!(yield* this.backOff(again))) return
    }
  })

  private attempt(): Effect.Effect<void, Connector.Tagged, Scope.Scope> {
    const { environment: { bound }, spec } = this.lasting
    const { channel, direction, id, parameters } = spec
    const asked = { id, channel, parameters, config: bound.config }
    return Effect.andThen(
      // What a subscription has brought can be delivered without the broker.
      this.subscription.isOpen ? Effect.void : this.stream.transport.requireConnected,
      direction === "INGRESS"
        ? Option.match(bound.ingress, { onNone: () => unsupported, onSome: (open) => this.ingress(() => open(asked)) })
        : Option.match(bound.egress, { onNone: () => unsupported, onSome: (open) => this.egress(() => open(asked)) })
    )
  }

  private ingress(open: () => Opening<Source>) {
    return Effect.gen({ self: this }, function*() {
      const source = yield* Spans.opening(this.lasting.spec, this.source.open(Effect.suspend(open)))
      yield* this.opened(StreamGuarantee.ofSource(source, this.around))
      yield* this.running(this.source.pump(source))
    })
  }

  private egress(open: () => Opening<Delivery.Sink<Connector.Tagged, Scope.Scope>>) {
    return Effect.gen({ self: this }, function*() {
      const [sink, queue] = yield* Spans.opening(
        this.lasting.spec,
        Effect.all([Effect.suspend(open), this.subscription.open])
      )
      yield* this.opened(StreamGuarantee.ofSink(sink, this.around))
      yield* this.running(EgressPump.run(sink, queue, this.subscription, this.stream))
    })
  }

  private running<E>(pumping: Effect.Effect<void, E, Scope.Scope>) {
    const { counts, environment: { bound }, spec } = this.lasting
    return Spans.running(spec, counts, bound.within(pumping))
  }

  private get around(): StreamGuarantee.Around {
    const { connection, positions } = this.lasting.environment
    const { deadLetters, delivery, failures, transport } = this.stream
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

  private opened(ends: StreamGuarantee.Ends): Effect.Effect<void, never, Scope.Scope> {
    const { condition, environment: { instance, keeping }, report, spec: { channel, id } } = this.lasting
    this.pumping = true
    const told = StreamGuarantee.watch(
      ends,
      { channel, consumer: durableName(instance, id), keeping },
      (facts) => report.promised(facts)
    )
    return Effect.andThen(told, condition.opened)
  }

  /** Tells of a fault and waits until it is time to try again. False when there is no further try. */
  private readonly backOff = Effect.fnUntraced({ self: this }, function*(this: StreamTerm, fault: Fault) {
    const { condition, environment: { connection } } = this.lasting
    const delay = yield* condition.failed(fault, this.subscription.dueAt)
    if (delay === undefined) return false
    yield* this.pause(delay)
    if (fault.origin !== "author") yield* connection.whenConnected
    return true
  })

  /** A stream that is to finish what it took does not sleep away the time there is for that. */
  private pause(millis: number): Effect.Effect<void> {
    const hurried = Effect.andThen(
      Deferred.await(this.stream.draining),
      Effect.sleep(Math.min(millis, hurriedMillis))
    )
    return Effect.raceFirst(Effect.sleep(millis), hurried)
  }
}

type Source = Delivery.Source<Connector.Tagged, Scope.Scope>

type Opening<A> = Effect.Effect<A, Connector.Tagged, Scope.Scope>

/** Cannot happen: no stream of a direction that its class lacks gets past SetPayload. */
const unsupported = Effect.die("the connector has no streams of this direction")
