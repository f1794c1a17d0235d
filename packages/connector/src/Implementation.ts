/**
 * What an author implements, and what the server gets of it.
 *
 * @since 0.1.0
 */
import * as Channel from "effect/Channel"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Sink, Source } from "./Delivery.ts"

/**
 * Which streams a connector's class supports.
 *
 * @category models
 * @since 0.1.0
 */
export type Direction = "INGRESS" | "EGRESS" | "BIDIRECTIONAL"

/**
 * Which way one stream flows: from outside to the channel, or from the channel to outside.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamDirection = "INGRESS" | "EGRESS"

/**
 * The connector's config in force, decoded.
 *
 * @category models
 * @since 0.1.0
 */
export interface Config<out C> {
  readonly get: Effect.Effect<C>
  /** The value in force first, then each change. Never ends. */
  readonly changes: Stream.Stream<C>
}

/**
 * One stream that the platform asked for, decoded.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamOf<out S, out C> {
  readonly id: string
  /** The channel on the platform's transport; the framework reads or writes it, not the author. */
  readonly channel: string
  readonly parameters: S
  readonly config: Config<C>
}

/**
 * One stream that the outside system offers.
 *
 * @category models
 * @since 0.1.0
 */
export interface Discovered<out S> {
  readonly id: string
  readonly direction: StreamDirection
  readonly parameters: S
}

/**
 * Opens one stream: the effect is the opening, its value is what then runs.
 *
 * @category models
 * @since 0.1.0
 */
export type Open<A, S, C, E, R> = (stream: StreamOf<S, C>) => Effect.Effect<A, E, R>

/**
 * What an author writes: how to open a stream of each direction the class has, and what there is to open.
 *
 * **Details**
 *
 * Opening (the effect) is apart from running (the source, the sink): "the stream is up" is known even when nothing
 * flows, and the opening bounds how long SetPayload waits. Each opening runs in the stream's own `Scope`: what it
 * acquires is released when the stream stops, before another of its id starts. Openings of different streams overlap;
 * those of one id never do. `discover` runs when GetPayload asks for streams, and for one caller at a time.
 *
 * @category models
 * @since 0.1.0
 */
export type Implementation<D extends Direction, S, C, E, R> =
  & (D extends "INGRESS" | "BIDIRECTIONAL" ? { readonly ingress: Open<Source<E, R>, S, C, E, R> }
    : { readonly ingress?: never })
  & (D extends "EGRESS" | "BIDIRECTIONAL" ? { readonly egress: Open<Sink<E, R>, S, C, E, R> }
    : { readonly egress?: never })
  & { readonly discover?: Effect.Effect<ReadonlyArray<Discovered<S>>, E, R> }

/**
 * Any error of an author: the failures table is looked up by its tag.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tagged {
  readonly _tag: string
}

/**
 * What the server finds in the context: the author's requirements are captured, so that it needs none of them.
 *
 * **Details**
 *
 * Openings, `discover`, and everything that sources and sinks hold (streams, acknowledgements, `deliver`) run with the
 * services that were there when the layer was built, and nothing else that happens to be around; with the `Scope`, the
 * span, the clock and the log settings of whoever runs them. The `config` in what is given to an opening is not used:
 * the stream gets `config` from here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bound<in out S, in out C> {
  readonly ingress: Option.Option<Open<Source<Tagged, Scope.Scope>, S, C, Tagged, Scope.Scope>>
  readonly egress: Option.Option<Open<Sink<Tagged, Scope.Scope>, S, C, Tagged, Scope.Scope>>
  readonly discover: Option.Option<Effect.Effect<ReadonlyArray<Discovered<S>>, Tagged, Scope.Scope>>
  /**
   * Runs an effect as an opening is run. Whoever pulls a source or delivers to a sink many times does all of it in here:
   * the services are then put in place once, and not for each array.
   */
  readonly within: <A, E>(effect: Effect.Effect<A, E, Scope.Scope>) => Effect.Effect<A, E, Scope.Scope>
  readonly config: Config<C>
  /** Puts a config in force: `config.get` and `config.changes` give it from then on. */
  readonly setConfig: (config: C) => Effect.Effect<void>
}

/**
 * An `Implementation` of whichever direction.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hooks<S, C, E, R> {
  readonly ingress?: Open<Source<E, R>, S, C, E, R> | undefined
  readonly egress?: Open<Sink<E, R>, S, C, E, R> | undefined
  readonly discover?: Effect.Effect<ReadonlyArray<Discovered<S>>, E, R> | undefined
}

/**
 * Gives an implementation the services that it was built with.
 *
 * @category constructors
 * @since 0.1.0
 */
export const bind = <S, C, E extends Tagged, R>(
  hooks: Hooks<S, C, E, R>,
  captured: Context.Context<R>,
  config: Config<C>,
  setConfig: (config: C) => Effect.Effect<void>
): Bound<S, C> => {
  const own = ownOf(captured)
  const effect = <A, E>(self: Effect.Effect<A, E, R | Scope.Scope>) => Effect.updateContext(self, own)
  // `Stream.updateContext` puts a context together anew for each pull.
  const stream = <A, E>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, Scope.Scope> => {
    const pulls = Channel.toTransform(Stream.toChannel(self))
    return Stream.fromChannel(
      Channel.fromTransform((upstream: Pull.Pull<unknown, unknown, unknown>, scope) =>
        Effect.map(effect(pulls(upstream, scope)), effect)
      )
    )
  }

  const source = (self: Source<E, R>): Source<E, Scope.Scope> => {
    switch (self._tag) {
      case "Lossy":
        return {
          _tag: "Lossy",
          payloads: stream(self.payloads),
          ...(self.drain === undefined ? {} : { drain: effect(self.drain) })
        }
      case "Acknowledged":
        return {
          _tag: "Acknowledged",
          taken: Stream.map(stream(self.taken), ({ ack, nack, payloads }) => ({
            payloads,
            ack: effect(ack),
            ...(nack === undefined ? {} : { nack: effect(nack) })
          }))
        }
      case "Resumable":
        return {
          _tag: "Resumable",
          run: (use) => self.run((position, from) => use(position, (at) => stream(from(at))))
        }
    }
  }
  const sink = (self: Sink<E, R>): Sink<E, Scope.Scope> => ({
    idempotent: self.idempotent,
    ...(self.remembers === undefined ? {} : { remembers: self.remembers }),
    deliver: (batch) => effect(self.deliver(batch)),
    ...(self.check === undefined ? {} : { check: effect(self.check) })
  })
  const opening = <A, B>(open: Open<A, S, C, E, R>, within: (self: A) => B): Open<B, S, C, E, Scope.Scope> => (given) =>
    Effect.map(effect(open({ ...given, config })), within)

  return {
    ingress: Option.map(Option.fromNullishOr(hooks.ingress), (open) => opening(open, source)),
    egress: Option.map(Option.fromNullishOr(hooks.egress), (open) => opening(open, sink)),
    discover: Option.map(Option.fromNullishOr(hooks.discover), effect),
    within: effect,
    config,
    setConfig
  }
}

/** What is the runner's and not the builder's. */
const ofRunner = Context.omit(
  Scope.Scope,
  Tracer.ParentSpan,
  Tracer.Tracer,
  Clock.Clock,
  References.CurrentLogAnnotations,
  References.CurrentLogSpans,
  References.CurrentLoggers,
  References.MinimumLogLevel
)

/** The runner's context with the captured services put over it. */
const ownOf = <R>(
  captured: Context.Context<R>
): (runner: Context.Context<Scope.Scope>) => Context.Context<R | Scope.Scope> => {
  const services = ofRunner(captured)
  // A fiber keeps its context: merged once, not for every batch and acknowledgement.
  const merged = new WeakMap<Context.Context<Scope.Scope>, Context.Context<R | Scope.Scope>>()
  return (runner) => {
    const known = merged.get(runner)
    if (known !== undefined) return known
    const made = Context.merge(Context.merge(captured, runner), services)
    merged.set(runner, made)
    // What is in place already is left as it is.
    merged.set(made, made)
    return made
  }
}
