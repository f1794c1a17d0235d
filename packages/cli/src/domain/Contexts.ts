/**
 * Which service domains there are to talk to, and the tokens for them: one file that only its owner can read.
 *
 * @since 0.1.0
 */
import * as FileLock from "@kps/service-domain/FileLock"
import * as PrivateFile from "@kps/service-domain/PrivateFile"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { homedir } from "node:os"

/**
 * A service domain and who one is to it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Entry = Schema.Struct({
  /** Base of its REST API, such as `http://127.0.0.1:8080`. */
  url: Schema.String,
  /** Who the token is for. */
  email: Schema.optionalKey(Schema.String),
  token: Schema.String
})

/**
 * @category models
 * @since 0.1.0
 */
export type Entry = typeof Entry.Type

/**
 * What the file holds. `current` names the context that commands use.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Contexts = Schema.Struct({
  current: Schema.optionalKey(Schema.String),
  contexts: Schema.Record(Schema.String, Entry)
})

/**
 * @category models
 * @since 0.1.0
 */
export type Contexts = typeof Contexts.Type

/**
 * The file of contexts could not be read, or is none; or it has no context of that name.
 *
 * @category errors
 * @since 0.1.0
 */
export class BadContext extends Schema.TaggedError<BadContext>("@kps/cli/domain/Contexts/BadContext")("BadContext", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

const Json = Schema.fromJsonString(Contexts)

/**
 * Where the file is: `contexts.json` in `KPS_HOME`, or in `.kps` of the home folder where that is not set, or empty.
 *
 * @category reading
 * @since 0.1.0
 */
export const file = Effect.gen(function*() {
  const path = yield* Path.Path
  const home = Option.filter(yield* Config.option(Config.String("KPS_HOME")), (home) => home !== "")
  return path.join(Option.getOrElse(home, () => path.join(homedir(), ".kps")), "contexts.json")
})

/**
 * What the file holds; nothing while there is none.
 *
 * @category reading
 * @since 0.1.0
 */
export const read = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const at = yield* file
  const text = yield* fs.readFileString(at).pipe(
    Effect.catchIf((error) => error.reason._tag === "NotFound", () => Effect.succeed("{\"contexts\":{}}")),
    Effect.mapError(({ message }) => new BadContext({ problem: `cannot read ${JSON.stringify(at)}: ${message}` }))
  )
  return yield* Schema.decodeUnknownEffect(Json)(text).pipe(
    // the text is not shown: it may hold tokens
    Effect.mapError(() =>
      new BadContext({ problem: `${JSON.stringify(at)} is no file of contexts: mend or remove it` })
    )
  )
})

const write = Effect.fnUntraced(function*(at: string, contexts: Contexts) {
  const text = yield* Effect.orDie(Schema.encodeEffect(Json)(contexts))
  yield* PrivateFile.write(at, `${text}\n`)
})

/** Others write it for a moment each. */
const patience = Schedule.spaced("20 millis").pipe(Schedule.upTo({ duration: "10 seconds" }))

/**
 * Puts a file in the place of the one that is there, for its owner alone: of several processes that change it, each changes
 * what the one before has written.
 */
const change = (to: (now: Contexts) => Effect.Effect<Contexts, BadContext>) =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const at = yield* file
    yield* PrivateFile.makeFolder(path.dirname(at))
    yield* FileLock.take(`${at}.lock`).pipe(
      Effect.retry({ schedule: patience, while: ({ _tag }) => _tag === "Locked" })
    )
    yield* write(at, yield* Effect.flatMap(read, to))
  }).pipe(
    Effect.scoped,
    Effect.catchTag(["FileFailed", "Locked"], ({ message }) => Effect.fail(new BadContext({ problem: message })))
  )

/**
 * Adds a context, or replaces the one of that name, and makes it the current one.
 *
 * @category writing
 * @since 0.1.0
 */
export const put = (name: string, entry: Entry) =>
  change(({ contexts }) => Effect.succeed({ current: name, contexts: { ...contexts, [name]: entry } }))

const missing = (name: string, contexts: Contexts["contexts"]) => {
  const known = Object.keys(contexts)
  return new BadContext({
    problem: `no context ${JSON.stringify(name)} (known: ${known.length === 0 ? "none" : known.join(", ")})`
  })
}

const find = (name: string, { contexts }: Contexts) => {
  const entry = Object.hasOwn(contexts, name) ? contexts[name] : undefined
  return entry === undefined ? Effect.fail(missing(name, contexts)) : Effect.succeed(entry)
}

/**
 * The context of that name.
 *
 * @category reading
 * @since 0.1.0
 */
export const get = (name: string) => Effect.flatMap(read, (contexts) => find(name, contexts))

/**
 * Makes a context the current one.
 *
 * @category writing
 * @since 0.1.0
 */
export const use = (name: string) =>
  change((now) => Effect.as(find(name, now), { current: name, contexts: now.contexts }))

/**
 * Takes a context away.
 *
 * @category writing
 * @since 0.1.0
 */
export const remove = (name: string) =>
  change((now) =>
    Effect.map(find(name, now), () => {
      const { [name]: _, ...contexts } = now.contexts
      return { ...(now.current === undefined || now.current === name ? {} : { current: now.current }), contexts }
    })
  )
