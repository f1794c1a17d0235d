/**
 * A connector: a definition (schemas, failures) and an implementation (a layer).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Failure } from "./Failure.ts"
import { bind, type Bound, type Config, type Direction, type Hooks, type Implementation } from "./Implementation.ts"

export { guarantee } from "./Guarantee.ts"
export type {
  Bound,
  Config,
  Direction,
  Discovered,
  Implementation,
  Open,
  StreamDirection,
  StreamOf,
  Tagged
} from "./Implementation.ts"

/**
 * An error is allowed only if the failures table has a row for its tag.
 *
 * @category models
 * @since 0.1.0
 */
export type Known<Failures> = { readonly _tag: keyof Failures & string }

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
 * Any schema that needs no services to decode and encode.
 *
 * @category models
 * @since 0.1.0
 */
export type AnyCodec = Schema.Codec<unknown, unknown>

/**
 * Everything about a connector that is not code, whatever its schemas: what a server and the tools read.
 *
 * @category models
 * @since 0.1.0
 */
export interface AnyDefinition {
  /** Of the connector class: another version is another class. */
  readonly version: string
  /** One or two sentences for who chooses a connector. */
  readonly description: string
  /** Which hooks the implementation must have, and which streams a SetPayload may name. */
  readonly direction: Direction
  /** Values given when an instance is created; they fill the Kubernetes template. Default: none. */
  readonly staticParameters?: AnyCodec
  /** The parameters of one stream: what `Stream.metadata` decodes to. */
  readonly stream: AnyCodec
  /**
   * Must decode `{}`: a connector has a config before the platform sends one. Checked by type, key by key; where a check
   * on the whole refuses `{}`, building the layer dies.
   */
  readonly config: AnyCodec
  /** A row for every error the implementation can fail with, by its tag. */
  readonly failures: Record<string, Failure>
  /** Whether a config change restarts the streams; default: never. */
  // A method, which TypeScript compares less strictly: else no connector with a config would be an `Any`.
  restartOn?(before: unknown, after: unknown): boolean
}

/**
 * Everything about a connector that is not code: the class document, decoding, types and docs come from here.
 *
 * @category models
 * @since 0.1.0
 */
export interface Definition<
  D extends Direction,
  Stream_ extends AnyCodec,
  Config_ extends AnyCodec,
  Failures extends Record<string, Failure>
> extends AnyDefinition {
  readonly direction: D
  readonly stream: Stream_
  readonly config:
    & Config_
    & ({} extends Config_["Encoded"] ? unknown : "every config key needs a decoding default or must be optional")
  readonly failures: Failures
  restartOn?(before: Config_["Type"], after: Config_["Type"]): boolean
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
  Stream_ extends AnyCodec,
  Config_ extends AnyCodec,
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
export interface Any<Name extends string = string> {
  readonly name: Name
  readonly definition: AnyDefinition
  // oxlint-disable-next-line typescript/no-explicit-any -- a service's shape is invariant: no other bound fits all
  readonly Implemented: Context.Service<Implemented<Name>, Bound<any, any>>
}

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
  Stream_ extends AnyCodec,
  Config_ extends AnyCodec,
  const Failures extends Record<string, Failure>
>(definition: Definition<D, Stream_, Config_, Failures>): Connector<Name, D, Stream_, Config_, Failures> => {
  const Implemented = Context.Service<Implemented<Name>, Bound<Stream_["Type"], Config_["Type"]>>(
    `@kps/connector/Connector/${name}`
  )
  const Config = Context.Service<ConfigOf<Name>, Config<Config_["Type"]>>(`@kps/connector/Connector/${name}/Config`)
  // `{}` decodes: `definition.config` says so in its type, but for a check that an author has put on the whole.
  const initialConfig = Schema.decodeEffect(Schema.toCodecJson(definition.config))({}).pipe(
    Effect.catch((cause) => Effect.die(new Error(`the config of "${name}" does not decode {}`, { cause })))
  )

  return {
    name,
    definition,
    Implemented,
    Config,
    toLayer: <E extends Known<Failures>, RS, EB, RB>(
      build: Effect.Effect<Implementation<D, Stream_["Type"], Config_["Type"], E, RS>, EB, RB>
    ) =>
      Layer.effect(
        Implemented,
        Effect.gen(function*() {
          const ref = yield* SubscriptionRef.make<Config_["Type"]>(yield* initialConfig)
          const config: Config<Config_["Type"]> = {
            get: SubscriptionRef.get(ref),
            changes: SubscriptionRef.changes(ref)
          }
          const around = yield* Effect.context<Exclude<RS | RB, Scope.Scope | ConfigOf<Name>> | Scope.Scope>()
          // One cast: what was subtracted from the requirements is added here, which TypeScript cannot follow.
          const captured = Context.add(around, Config, config) as Context.Context<RS | RB>
          const hooks: Hooks<Stream_["Type"], Config_["Type"], E, RS> = yield* Effect.provideContext(build, captured)
          return bind(hooks, captured, config, (next) =>
            Effect.flatMap(SubscriptionRef.get(ref), (inForce) =>
              Equal.equals(inForce, next) ? Effect.void : SubscriptionRef.set(ref, next)))
        })
      )
  }
}
