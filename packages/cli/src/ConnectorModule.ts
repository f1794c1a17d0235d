/**
 * The definition of a connector, from the module of its author.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/**
 * A module that cannot be loaded, or that has no such connector.
 *
 * @category errors
 * @since 0.1.0
 */
export class NoConnector
  extends Schema.TaggedError<NoConnector>("@kps/cli/ConnectorModule/NoConnector")("NoConnector", {
    module: Schema.String,
    problem: Schema.String
  })
{
  override get message(): string {
    return `no connector in ${JSON.stringify(this.module)}: ${this.problem}`
  }
}

type Defined = Pick<Connector.Any, "name" | "definition">

/** By its looks: the module may have been built with another copy of our packages. */
const isConnector = (value: unknown): value is Defined =>
  Predicate.hasProperty(value, "name") && typeof value.name === "string" &&
  Predicate.hasProperty(value, "definition") && Predicate.hasProperty(value.definition, "version") &&
  Predicate.hasProperty(value.definition, "direction") && Predicate.hasProperty(value.definition, "stream") &&
  Schema.isSchema(value.definition.stream) && Predicate.hasProperty(value.definition, "config") &&
  Schema.isSchema(value.definition.config)

const reason = (cause: unknown): string => cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)

/** Why a source in TypeScript may not load, where that is what it is. */
const hint = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") &&
    (cause.code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX" || cause.code === "ERR_UNKNOWN_FILE_EXTENSION")
    ? " (Node strips types and does no more: no enum, no namespace, no tsx; build it, and give the .js)"
    : ""

/**
 * Loads a module, in JavaScript or TypeScript, and gives the connector that it exports under a name; without a name, the
 * only one that it exports.
 *
 * **Details**
 *
 * What the module does when it is loaded is done: a definition stands apart from the `main.ts` that runs it. TypeScript
 * is what Node runs: types are stripped, nothing is compiled.
 *
 * @category loading
 * @since 0.1.0
 */
export const load = Effect.fnUntraced(function*(
  module: string,
  name: Option.Option<string>
): Effect.fn.Return<Defined, NoConnector, FileSystem.FileSystem | Path.Path> {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const fail = (problem: string) => new NoConnector({ module, problem })
  const file = paths.resolve(module)
  if (!(yield* Effect.orElseSucceed(files.exists(file), () => false))) return yield* fail(`no file ${file}`)
  const { href } = yield* Effect.mapError(paths.toFileUrl(file), (cause) => fail(reason(cause)))
  const exports = yield* Effect.tryPromise({
    try: (): Promise<Readonly<Record<string, unknown>>> => import(href),
    catch: (cause) => fail(`it does not load: ${reason(cause)}${hint(cause)}`)
  })

  const names = Object.keys(exports)
  const has = names.length === 0 ? "it exports nothing" : `it exports ${names.join(", ")}`
  if (Option.isSome(name)) {
    const found = exports[name.value]
    if (isConnector(found)) return found
    return yield* fail(
      found === undefined
        ? `want an export ${JSON.stringify(name.value)}: ${has}`
        : `want ${JSON.stringify(name.value)} to be what Connector.make gives`
    )
  }
  const found = Object.entries(exports).flatMap(([key, value]) => isConnector(value) ? [{ key, value }] : [])
  const [first, ...others] = [...new Map(found.map((one) => [one.value, one])).values()]
  if (first === undefined) return yield* fail(`want an export that is what Connector.make gives: ${has}`)
  if (others.length > 0) {
    return yield* fail(`want --export to say which: ${[first, ...others].map(({ key }) => key).join(", ")}`)
  }
  return first.value
})
