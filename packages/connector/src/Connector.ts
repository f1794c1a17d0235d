/**
 * A connector: a definition (schemas, failures) and an implementation (a layer).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Sink, Source } from "./Delivery.ts"
import type { Failure } from "./Failure.ts"

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
 * An error is allowed only if the failures table has a row for its tag.
 *
 * @category models
 * @since 0.1.0
 */
export type Known<Failures> = { readonly _tag: keyof Failures & string }

type Open<A, S, C, E, R> = (stream: StreamOf<S, C>) => Effect.Effect<A, E, R>

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
 * Identifies the implementation of the connector called `Name` in a context.
 *
 * @category models
 * @since 0.1.0
 */
export interface Implemented<in out Name extends string> {
  readonly _: "@kps/connector/Connector/Implemented"
  readonly name: Name
}

/**
 * Identifies the config of the connector called `Name`: only the effect given to `toLayer` can ask for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConfigOf<in out Name extends string> {
  readonly _: "@kps/connector/Connector/Config"
  readonly name: Name
}

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
 * @category models
 * @since 0.1.0
 */
export interface Bound<in out S, in out C> {
  readonly ingress: Option.Option<Open<Source<Tagged, Scope.Scope>, S, C, Tagged, Scope.Scope>>
  readonly egress: Option.Option<Open<Sink<Tagged, Scope.Scope>, S, C, Tagged, Scope.Scope>>
  readonly discover: Option.Option<Effect.Effect<ReadonlyArray<Discovered<S>>, Tagged, Scope.Scope>>
  readonly config: Config<C>
  /** Puts a config in force: `config.get` and `config.changes` give it from then on. */
  readonly setConfig: (config: C) => Effect.Effect<void>
}

/**
 * Everything about a connector that is not code: the class document, decoding, types and docs come from here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition<
  D extends Direction,
  Stream_ extends Schema.Codec<any, any>,
  Config_ extends Schema.Codec<any, any>,
  Failures extends Record<string, Failure>
> {
  readonly version: string
  readonly description: string
  readonly direction: D
  /** Values given when an instance is created; they fill the Kubernetes template. Default: none. */
  readonly staticParameters?: Schema.Codec<any, any>
  /** The parameters of one stream: what `Stream.metadata` decodes to. */
  readonly stream: Stream_
  /** Must decode `{}`: a connector has a config before the platform sends one. */
  readonly config:
    & Config_
    & ({} extends Config_["Encoded"] ? unknown : "every config key needs a decoding default or must be optional")
  /** A row for every error the implementation can fail with, by its tag. */
  readonly failures: Failures
  /** Whether a config change restarts the streams; default: never. */
  readonly restartOn?: (before: Config_["Type"], after: Config_["Type"]) => boolean
}

/**
 * A connector by its definition; `toLayer` adds the implementation.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connector<
  Name extends string,
  D extends Direction,
  Stream_ extends Schema.Codec<any, any>,
  Config_ extends Schema.Codec<any, any>,
  Failures extends Record<string, Failure>
> {
  readonly name: Name
  readonly definition: Definition<D, Stream_, Config_, Failures>
  readonly Implemented: Context.Service<Implemented<Name>, Bound<Stream_["Type"], Config_["Type"]>>
  /** The decoded config, for code that is built before any stream (a shared pool, a client). */
  readonly Config: Context.Service<ConfigOf<Name>, Config<Config_["Type"]>>
  /** The implementation as a layer. What the hooks need is asked for by the layer, and captured when it is built. */
  readonly toLayer: <E extends Known<Failures>, RS, EB, RB>(
    build: Effect.Effect<Implementation<D, Stream_["Type"], Config_["Type"], E, RS>, EB, RB>
  ) => Layer.Layer<Implemented<Name>, EB, Exclude<RS | RB, Scope.Scope | ConfigOf<Name>>>
}

/**
 * A connector of which only what a server needs is known.
 *
 * @category models
 * @since 0.1.0
 */
export type Any<Name extends string = string> = Pick<
  Connector<Name, any, any, any, any>,
  "name" | "definition" | "Implemented"
>

/**
 * Makes a connector from its name and its definition.
 *
 * **Details**
 *
 * Does nothing but remember: an implementation is built by the layer that `toLayer` returns.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Name extends string>(name: Name) =>
<
  const D extends Direction,
  Stream_ extends Schema.Codec<any, any>,
  Config_ extends Schema.Codec<any, any>,
  const Failures extends Record<string, Failure>
>(definition: Definition<D, Stream_, Config_, Failures>): Connector<Name, D, Stream_, Config_, Failures> => {
  const Implemented = Context.Service<Implemented<Name>, Bound<Stream_["Type"], Config_["Type"]>>(
    `@kps/connector/Connector/${name}`
  )
  const Config = Context.Service<ConfigOf<Name>, Config<Config_["Type"]>>(`@kps/connector/Connector/${name}/Config`)
  const decodeConfig = Schema.decodeUnknownEffect(Schema.toCodecJson(definition.config))

  return {
    name,
    definition,
    Implemented,
    Config,
    toLayer: (build) =>
      Layer.effect(
        Implemented,
        Effect.gen(function*() {
          // `{}` decodes: `definition.config` says so in its type.
          const ref = yield* SubscriptionRef.make<Config_["Type"]>(yield* Effect.orDie(decodeConfig({})))
          const config: Config<Config_["Type"]> = {
            get: SubscriptionRef.get(ref),
            changes: SubscriptionRef.changes(ref)
          }
          // What the author's hooks still need is in the context that the layer is built in.
          const captured = Context.add(yield* Effect.context<any>(), Config, config)
          const implementation = yield* Effect.provideContext(build, captured)
          return bind(implementation, captured, config, (next) => SubscriptionRef.set(ref, next))
        })
      ) as any // one cast: the captured context is what the declared type subtracts
  }
}

const bind = (
  implementation: Implementation<any, any, any, any, any>,
  captured: Context.Context<any>,
  config: Config<any>,
  setConfig: (config: any) => Effect.Effect<void>
): Bound<any, any> => {
  // The stream's own Scope must win over the one the layer was built in.
  const own = Context.omit(Scope.Scope)(captured) as Context.Context<any>
  const give = <A, E>(effect: Effect.Effect<A, E, any>): Effect.Effect<A, E, Scope.Scope> =>
    Effect.updateContext(effect, (mine: Context.Context<Scope.Scope>) => Context.merge(own, mine))
  const bound = (open: ((stream: any) => Effect.Effect<any, any, any>) | undefined) =>
    Option.map(Option.fromNullishOr(open), (open) => (stream: any) => give(open({ ...stream, config })))
  return {
    ingress: bound(implementation.ingress),
    egress: bound(implementation.egress),
    discover: Option.map(Option.fromNullishOr(implementation.discover), give),
    config,
    setConfig
  }
}
