/**
 * The three RPCs of the contract, without a wire: messages in, messages or typed errors out.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"
import { Events } from "@kps/events"
import {
  type EventPayload,
  type GetEventsRequest,
  type GetPayloadRequest,
  type Payload as PayloadMessage,
  PayloadKind,
  type SetPayloadRequest
} from "@kps/idl"
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as ConfigState from "./ConfigState.ts"
import {
  failedStream,
  type GetEventsError,
  type GetPayloadError,
  type SetPayloadError,
  ShuttingDown,
  StreamsFailed,
  UnknownPayloadKind,
  WrongConnectorId
} from "./ContractError.ts"
import { DesiredState } from "./DesiredState.ts"
import * as DesiredSync from "./DesiredSync.ts"
import * as Discovery from "./Discovery.ts"
import type { Health } from "./Health.ts"
import { quote } from "./internal/text.ts"
import * as Metadata from "./Metadata.ts"
import type { Resolved } from "./Options.ts"
import * as Payload from "./Payload.ts"
import * as Replicas from "./Replicas.ts"
import { RunningStreams } from "./RunningStreams.ts"
import { Sessions } from "./Sessions.ts"
import type { StreamFailure, StreamOutcome } from "./StreamSpec.ts"

/**
 * What is known of a call besides its request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  /** How long the caller still waits. Default: for ever. */
  readonly patience?: Duration.Duration
}

/**
 * Answers the platform.
 *
 * **Details**
 *
 * Calls may overlap, and repeating one changes nothing. Replies come 100 milliseconds before the caller's patience
 * ends, with what is known by then.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectorService {
  /** What there is: the streams asked for, then those on offer; or exactly one config. */
  readonly getPayload: (
    request: GetPayloadRequest,
    call?: Call
  ) => Effect.Effect<ReadonlyArray<PayloadMessage>, GetPayloadError>

  /**
   * Checks all of the request, then applies it: the config first, then the streams.
   *
   * **Details**
   *
   * Calls take turns. Interrupted while it waits for its turn or is checked, a call changes nothing; after that it is
   * applied to the end. Succeeds when every stream asked for runs.
   */
  readonly setPayload: (request: SetPayloadRequest, call?: Call) => Effect.Effect<void, SetPayloadError>

  /** Everything there is to report. Changes nothing. */
  readonly getEvents: (
    request: GetEventsRequest
  ) => Effect.Effect<ReadonlyArray<EventPayload>, GetEventsError>

  /**
   * Ends the taking of calls that change something, and drains the streams: what is not finished within the grace
   * period is stopped as it is. Runs once, however often it is called.
   */
  readonly drain: Effect.Effect<void>
}

/** So that the reply is there before the caller gives up. */
const marginMillis = 100

/** How long a connector that has just begun keeps who asks, until it knows what is wanted of it. */
const untilLoaded = "1 second"

/**
 * Makes the service of a connector.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*<Name extends string>(
  connector: Connector.Any<Name>,
  options: Resolved,
  health: Health
): Effect.fn.Return<
  ConnectorService,
  never,
  Connector.Implemented<Name> | RunningStreams | Events.Events | Scope.Scope
> {
  const { connectorId, discoverTimeout, gracePeriod, startTimeout, ...modes } = options
  const { definition } = connector
  const bound = yield* connector.Implemented
  const streams = yield* RunningStreams
  const events = yield* Events.Events
  // Not the scope itself: what is forked in a scope ends before what was made in it, and these end after the drain.
  const applying = yield* FiberSet.make<void, StreamsFailed>()
  const turn = yield* Semaphore.make(1)
  const stream = Metadata.make(definition.stream)
  const config = yield* ConfigState.make({
    schema: definition.config,
    bound,
    restartOn: (before, after) => definition.restartOn?.(before, after) === true,
    mode: modes.config
  })
  const discovery = yield* Discovery.make({ discover: bound.discover, stream, events, timeout: discoverTimeout })
  const rules: Payload.Rules = { direction: definition.direction, stream, config, mode: modes.setPayload }
  const sync = yield* DesiredSync.make({
    connectorId,
    store: Option.getOrUndefined(yield* Effect.serviceOption(DesiredState)),
    rules,
    config,
    streams,
    events,
    turn
  })
  const sessions = yield* Effect.serviceOption(Sessions)
  const replicas = Option.isNone(sessions)
    ? undefined
    : yield* Replicas.make({ sessions: sessions.value, streams, events, revision: sync.revision })
  let draining = false

  const drain = yield* Effect.cached(Effect.suspend(() => {
    draining = true
    return Effect.andThen(health.enter("Draining"), streams.drain({ timeout: gracePeriod }))
  }))

  const checkId = (got: string) =>
    got === connectorId ? Effect.void : Effect.fail(new WrongConnectorId({ want: connectorId, got }))

  const known = (patience: Duration.Duration) =>
    Effect.timeoutOption(sync.loaded, Duration.min(patience, Duration.fromInputUnsafe(untilLoaded)))

  const getStreams = Effect.fnUntraced(function*(patience: Duration.Duration) {
    yield* known(patience)
    const offered = yield* discovery.offer(patience)
    const requested = yield* streams.list
    const elsewhere = replicas === undefined ? new Set<string>() : yield* replicas.running
    const { discovered, others } = Discovery.match(requested.map(({ spec }) => spec), offered)
    return [
      ...requested.map(({ spec, state }) =>
        Payload.ofSpec(spec, state._tag === "Running" || elsewhere.has(spec.id), discovered.has(spec.id))
      ),
      ...others.map((stream) => Payload.ofStream({ ...stream, channel: "", subscribed: false, discovered: true }))
    ]
  })

  /** Asks those who run the streams that this replica leaves to others. */
  const ofOthers = Effect.fnUntraced(function*(outcomes: ReadonlyArray<StreamOutcome>, timeout: Duration.Duration) {
    const ids = outcomes.flatMap(({ _tag, streamId }) => _tag === "Standby" ? [streamId] : [])
    if (replicas === undefined || ids.length === 0) return outcomes
    const told = yield* replicas.outcomes(ids, timeout)
    return outcomes.map((outcome): StreamOutcome => {
      const { streamId } = outcome
      if (outcome._tag !== "Standby") return outcome
      if (!told.has(streamId)) return { _tag: "Failed", streamId, failure: nobodyTells(streamId, timeout) }
      const failure = told.get(streamId)
      return failure === undefined ? { _tag: "Running", streamId } : { _tag: "Failed", streamId, failure }
    })
  })

  const apply = Effect.fnUntraced(function*(accepted: Payload.Accepted, timeout: Duration.Duration) {
    const restart = Option.exists(accepted.config, ({ restart }) => restart)
    if (Option.isSome(accepted.config)) yield* config.put(accepted.config.value)
    const outcomes = Option.isSome(accepted.streams)
      ? yield* streams.apply(accepted.streams.value, { timeout, restart })
      : restart
      ? yield* streams.restart({ timeout })
      : []
    const told = yield* ofOthers(outcomes, timeout)
    const failed = told.flatMap((outcome) =>
      outcome._tag === "Failed" ? [failedStream(outcome.streamId, outcome.failure)] : []
    )
    if (Arr.isArrayNonEmpty(failed)) return yield* new StreamsFailed({ asked: outcomes.length, failed })
  })

  const check = Effect.fnUntraced(function*(request: SetPayloadRequest) {
    if (draining) return yield* new ShuttingDown()
    return yield* sync.commit(request.payloads)
  })

  /**
   * Has the turn until it is applied: a caller that gives up meanwhile leaves, and what it asked for goes on. From its turn
   * on it is not interrupted: what was written would be applied by nobody.
   */
  const setPayload = (request: SetPayloadRequest, until: number) =>
    Effect.uninterruptibleMask(Effect.fnUntraced(function*(restore) {
      yield* restore(turn.take(1))
      const accepted = yield* Effect.onError(check(request), () => turn.release(1))
      const timeout = Duration.millis(Math.max(0, until - (yield* Clock.currentTimeMillis)))
      const applied = Effect.ensuring(apply(accepted, Duration.min(startTimeout, timeout)), turn.release(1))
      return yield* restore(Fiber.join(yield* FiberSet.run(applying, applied)))
    }))

  return {
    getPayload: Effect.fn("ConnectorService.getPayload")(function*(request, call) {
      yield* checkId(request.connectorId)
      switch (request.kind) {
        case PayloadKind.STREAM:
          return yield* getStreams(patienceOf(call))
        case PayloadKind.CONFIG:
          yield* known(patienceOf(call))
          return [Payload.ofConfig(yield* config.metadata)]
        default:
          return yield* new UnknownPayloadKind({ kind: request.kind })
      }
    }),

    setPayload: Effect.fn("ConnectorService.setPayload")(function*(request, call) {
      yield* checkId(request.connectorId)
      const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(patienceOf(call))
      yield* setPayload(request, until)
    }),

    getEvents: Effect.fn("ConnectorService.getEvents")(function*(request) {
      yield* checkId(request.connectorId)
      return yield* replicas === undefined ? events.snapshot : replicas.events
    }),

    drain
  }
})

const nobodyTells = (id: string, within: Duration.Duration): StreamFailure => ({
  tag: "StartTimeout",
  code: "DEADLINE_EXCEEDED",
  message: `no replica has told of stream ${quote(id)} within ${Duration.format(within)}; it goes on starting`
})

const patienceOf = (call: Call | undefined): Duration.Duration =>
  call?.patience === undefined
    ? Duration.infinity
    : Duration.millis(Math.max(0, Duration.toMillis(call.patience) - marginMillis))
