/**
 * Runs one connector instance: its process, what it is told, and what it is asked.
 *
 * @since 0.1.0
 */
import { ConnectorClient } from "@kps/client"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { ConnectorTarget } from "./ConnectorTarget.ts"
import { Conversation } from "./Conversation.ts"
import type { EventScraper } from "./EventScraper.ts"
import type { InstanceState } from "./InstanceState.ts"
import * as LocalProcess from "./LocalProcess.ts"
import * as Occurrences from "./Occurrences.ts"
import type { ProcessGuard } from "./ProcessGuard.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Variables that connectors get beside those of this process and those that are an instance's own
   * (`CONNECTOR_INSTANCE_ID`, `NATS_NAME`, `KPS_LISTEN_HOST`, `KPS_LISTEN_PORT`); `undefined` takes one away.
   */
  readonly env: Readonly<Record<string, string | undefined>>
  /** How often everything is told again, though nothing has changed. */
  readonly resyncInterval: Duration.Input
  /** How often events and streams are asked for. */
  readonly scrapeInterval: Duration.Input
  /** How long a process may take until it answers, before it is started anew. */
  readonly startTimeout: Duration.Input
  /** How long a process may take to end. */
  readonly grace: Duration.Input
}

/** Why a connector has to be started anew. */
class ConnectorGone extends Schema.TaggedError<ConnectorGone>("@kps/service-domain/InstanceReconciler/ConnectorGone")(
  "ConnectorGone",
  { how: Schema.String }
) {
  override get message(): string {
    return this.how
  }
}

/** A process that ran for so long has not failed at its start. */
const healthyMillis = 30_000

/** How long a connector that is reached by address may be away until that is an alert. */
const patience = "3 seconds"

/** How often it is looked whether the lease is had again. */
const notHeld = "100 millis"

/** A change is seldom alone. */
const settle = "20 millis"

/** 250 milliseconds after the first failure of a row, doubled up to 30 seconds, give or take a fifth. */
const backoff = (failures: number): Effect.Effect<Duration.Duration> =>
  Effect.map(
    Random.next,
    (random) => Duration.millis(Math.min(30_000, 250 * 2 ** Math.min(failures - 1, 10)) * (0.8 + 0.4 * random))
  )

/**
 * Runs the instance for as long as it is let to. Never succeeds and never fails: what is in the way is in the state, is an
 * alert in the history, and is tried again.
 *
 * **Details**
 *
 * Tells the connector nothing while it is not `isHeld`: it may be another process's by then.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  state: InstanceState,
  target: ConnectorTarget,
  options: Options,
  isHeld: () => boolean,
  scraper: EventScraper
): Effect.fn.Return<never, never, ProcessGuard> {
  let failures = 0
  while (true) {
    const startedAt = yield* Clock.currentTimeMillis
    state.become("STARTING")
    const error = yield* Effect.flip(Effect.scoped(live(state, target, options, isHeld, scraper)))
    state.reached({})
    if ((yield* Clock.currentTimeMillis) - startedAt >= healthyMillis) failures = 0
    failures++
    state.restarted()
    state.become("FAILING", error.message)
    state.raise("connectorEnded", error.message)
    state.log.line(state.plan.name, "system", error.message)
    yield* scraper.flush
    yield* Effect.logWarning("a connector has ended").pipe(
      Effect.annotateLogs({ instance: state.plan.id, name: state.plan.name, cause: error.message })
    )
    yield* Effect.sleep(yield* backoff(failures))
  }
})

/** One life of the connector; fails when it is over. */
const live = Effect.fnUntraced(function*(
  state: InstanceState,
  target: ConnectorTarget,
  options: Options,
  isHeld: () => boolean,
  scraper: EventScraper
): Effect.fn.Return<
  never,
  ConnectorGone | LocalProcess.CannotStart,
  ProcessGuard | Scope.Scope
> {
  const { endpoint, ended } = yield* reach(state, target, options)
  const client = yield* connect(endpoint, state.plan.id)
  const conversation = new Conversation(client, state)
  const waiting = target._tag === "Endpoint"
    ? Effect.raceFirst(conversation.ready, Effect.delay(lamenting(state, endpoint, scraper), patience))
    : Effect.timeoutOrElse(conversation.ready, {
      duration: options.startTimeout,
      orElse: () =>
        Effect.fail(
          new ConnectorGone({
            how: `the connector did not answer at ${endpoint} within ${
              Duration.format(Duration.fromInputUnsafe(options.startTimeout))
            }: it has to serve gRPC on $KPS_LISTEN_HOST:$KPS_LISTEN_PORT`
          })
        )
    })
  const talking = Effect.all([
    telling(state, conversation, options, isHeld, scraper),
    asking(state, client, conversation, options, scraper)
  ], { concurrency: 2, discard: true })
  return yield* Effect.andThen(waiting, talking).pipe(
    Effect.andThen(Effect.never),
    Effect.raceFirst(Effect.flatMap(ended, (how) => new ConnectorGone({ how: `the connector has ended ${how}` })))
  )
})

/** Says that a connector that was not started here is not there. It is waited for all the same. */
const lamenting = (state: InstanceState, endpoint: string, scraper: EventScraper): Effect.Effect<never> =>
  Effect.suspend(() => {
    const problem = state.view.cause ?? `no connector takes calls at ${endpoint}`
    state.become("FAILING", problem)
    state.raise("connectorUnreachable", problem)
    return Effect.andThen(scraper.flush, Effect.never)
  })

const reach = Effect.fnUntraced(function*(
  state: InstanceState,
  target: ConnectorTarget,
  options: Options
): Effect.fn.Return<
  { readonly endpoint: string; readonly ended: Effect.Effect<string> },
  LocalProcess.CannotStart,
  ProcessGuard | Scope.Scope
> {
  if (target._tag === "Endpoint") {
    state.reached({ endpoint: target.endpoint })
    return { endpoint: target.endpoint, ended: Effect.never }
  }
  const { id, name } = state.plan
  const { endpoint, ended, pid } = yield* LocalProcess.start({
    command: target.command,
    env: { NATS_NAME: id, ...options.env, CONNECTOR_INSTANCE_ID: id },
    grace: options.grace,
    onOutput: (source, text) => state.log.text(name, source, text)
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => state.log.end(name)))
  state.reached({ pid, endpoint })
  state.log.line(name, "system", `started as process ${pid}, to serve on ${endpoint}`)
  return { endpoint, ended }
})

/** The address was checked where it was given, or made here. */
const connect = (endpoint: string, connectorId: string) =>
  Effect.map(
    Effect.orDie(Layer.build(ConnectorClient.layer({ endpoint, connectorId, deadline: "15 seconds" }))),
    (context) => Context.get(context, ConnectorClient.ConnectorClient)
  )

/** Tells the connector what to run: now, after changes, after failures, and from time to time. */
const telling = Effect.fnUntraced(function*(
  state: InstanceState,
  conversation: Conversation,
  options: Options,
  isHeld: () => boolean,
  scraper: EventScraper
): Effect.fn.Return<never> {
  let failures = 0
  while (true) {
    // What is not held may be another process's by now: it is found out.
    if (!isHeld()) {
      yield* Effect.sleep(notHeld)
      continue
    }
    state.changed.closeUnsafe()
    const error = yield* Effect.match(conversation.apply, { onSuccess: () => undefined, onFailure: (error) => error })
    if (error === undefined) {
      failures = 0
      state.become("RUNNING")
      for (const name of ["connectorEnded", "connectorUnreachable", "setPayloadFailed"] as const) state.clear(name)
    } else {
      failures++
      conversation.forget()
      state.become("FAILING", error.message)
      state.raise(error._tag === "Unreachable" ? "connectorUnreachable" : "setPayloadFailed", error.message)
      yield* scraper.flush
    }
    state.askSoon.openUnsafe()
    const wait = error === undefined ? options.resyncInterval : yield* backoff(failures)
    yield* Effect.timeoutOption(state.changed.await, wait)
    yield* Effect.sleep(settle)
  }
})

/** Asks the connector for its streams and events, from time to time. */
const asking = Effect.fnUntraced(function*(
  state: InstanceState,
  client: ConnectorClient.ConnectorClient["Service"],
  conversation: Conversation,
  options: Options,
  scraper: EventScraper
): Effect.fn.Return<never> {
  let away = false
  let complete = true
  while (true) {
    yield* Effect.timeoutOption(state.askSoon.await, options.scrapeInterval)
    state.askSoon.closeUnsafe()
    const answer = yield* Effect.match(Effect.all([client.getStreams, client.getEvents], { concurrency: 2 }), {
      onSuccess: (answer) => answer,
      onFailure: (error) => error
    })
    if (Array.isArray(answer)) {
      const [streams, events] = answer
      state.saw(streams, !conversation.isOriginal)
      state.clear("connectorUnreachable")
      yield* scraper.scraped(Occurrences.fromPayloads(events))
      const wasComplete = complete
      complete = conversation.isKnownTo(streams)
      // It was away, or does not know any more what it was told: it is another one by now.
      if (away || (wasComplete && !complete)) {
        conversation.forget()
        state.changed.openUnsafe()
      }
      away = false
      continue
    }
    away = true
    state.saw(undefined)
    state.raise("connectorUnreachable", answer.message)
    yield* scraper.flush
  }
})
