/**
 * What can happen to a connector, as data: so that a sequence of it can be made at random, shortened and shown.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Direction } from "../TestStream.ts"

/**
 * A stream of a sequence. Those of one slot share their id, those of one variant their parameters.
 *
 * @category models
 * @since 0.1.0
 */
export interface Slot {
  readonly slot: number
  readonly direction: Direction
  readonly variant: number
  readonly channel: number
  readonly reachable: boolean
}

/**
 * What a request has that makes it wrong as a whole.
 *
 * @category models
 * @since 0.1.0
 */
export type Flaw = "the same id twice" | "an empty id" | "no direction" | "a wildcard channel" | "another connector id"

/**
 * One thing that happens. A `config` is a number of `config.valid` of the description; negative, that one is unset.
 *
 * @category models
 * @since 0.1.0
 */
export type Command =
  | { readonly _tag: "SetStreams"; readonly streams: ReadonlyArray<Slot>; readonly config?: number | undefined }
  | { readonly _tag: "SetConfig"; readonly config: number }
  | { readonly _tag: "SetNothing" }
  | { readonly _tag: "SetWrong"; readonly streams: ReadonlyArray<Slot>; readonly flaw: Flaw }
  | { readonly _tag: "GetStreams" }
  | { readonly _tag: "GetConfig" }
  | { readonly _tag: "GetEvents" }
  | { readonly _tag: "Send"; readonly slot: number }
  | { readonly _tag: "Break" }
  | { readonly _tag: "Mend" }

/**
 * What a connector can be asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Choices {
  readonly directions: ReadonlyArray<Direction>
  /** Of which directions there are streams that cannot be reached. */
  readonly unreachable: ReadonlyArray<Direction>
  /** How many variants of a stream's parameters there are. */
  readonly variants: number
  /** How many configs there are. */
  readonly configs: number
  /** Whether it is known what a config is that was unset. */
  readonly unset: boolean
  /** Whether the outside can be broken. */
  readonly faults: boolean
}

const flaws: ReadonlyArray<Flaw> = [
  "the same id twice",
  "an empty id",
  "no direction",
  "a wildcard channel",
  "another connector id"
]

const slots = 4

const below = (count: number): Effect.Effect<number> => Effect.map(Random.next, (value) => Math.floor(value * count))

const oneOf = <A>(values: ReadonlyArray<A>): Effect.Effect<A> => Effect.map(below(values.length), (n) => values[n]!)

const slot = Effect.fnUntraced(function*({ directions, unreachable, variants }: Choices, slot: number) {
  const direction = yield* oneOf(directions)
  const canBeAway = unreachable.includes(direction)
  return {
    slot,
    direction,
    variant: yield* below(variants),
    channel: yield* below(2),
    reachable: !canBeAway || (yield* below(4)) > 0
  }
})

/** One to three streams with ids of their own. */
const streams = Effect.fnUntraced(function*(choices: Choices) {
  const count = 1 + (yield* below(3))
  const first = yield* below(slots)
  return yield* Effect.forEach(Array.from({ length: count }), (_, n) => slot(choices, (first + n) % slots))
})

/** How often each comes up. */
const weights: ReadonlyArray<readonly [Command["_tag"], number]> = [
  ["SetStreams", 8],
  ["SetConfig", 3],
  ["SetNothing", 1],
  ["SetWrong", 3],
  ["GetStreams", 6],
  ["GetConfig", 3],
  ["GetEvents", 3],
  ["Send", 3],
  ["Break", 2],
  ["Mend", 2]
]

const config = Effect.fnUntraced(function*({ configs, unset }: Choices) {
  const n = yield* below(configs)
  return unset && (yield* below(4)) === 0 ? -1 - n : n
})

const command = Effect.fnUntraced(function*(choices: Choices): Effect.fn.Return<Command> {
  const tags = weights.flatMap(([tag, weight]) => Array.from({ length: weight }, () => tag))
    .filter((tag) => choices.configs > 0 || tag !== "SetConfig")
    .filter((tag) => choices.faults || (tag !== "Break" && tag !== "Mend"))
  const tag = yield* oneOf(tags)
  switch (tag) {
    case "SetStreams":
      return {
        _tag: tag,
        streams: yield* streams(choices),
        config: choices.configs > 0 && (yield* below(4)) === 0 ? yield* config(choices) : undefined
      }
    case "SetConfig":
      return { _tag: tag, config: yield* config(choices) }
    case "SetWrong":
      return { _tag: tag, streams: yield* streams(choices), flaw: yield* oneOf(flaws) }
    case "Send":
      return { _tag: tag, slot: yield* below(slots) }
    default:
      return { _tag: tag }
  }
})

const look: ReadonlyArray<Command> = [{ _tag: "GetStreams" }, { _tag: "GetConfig" }, { _tag: "GetEvents" }]

/**
 * A sequence of commands, the same for the same seed. It ends with a look at everything.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sequence = (choices: Choices, seed: number, length: number): Effect.Effect<ReadonlyArray<Command>> =>
  Effect.forEach(Array.from({ length }), () => command(choices)).pipe(
    Effect.map((commands) => commands.concat(look)),
    Random.withSeed(seed)
  )

const slotText = ({ channel, direction, reachable, slot, variant }: Slot): string =>
  `${slot}:${direction.toLowerCase()}/${variant}/${channel}${reachable ? "" : "/unreachable"}`

/**
 * A command in a few words.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = (command: Command): string => {
  switch (command._tag) {
    case "SetStreams":
      return `SetPayload(${command.streams.map(slotText).join(" ")}${
        command.config === undefined ? "" : ` config ${command.config}`
      })`
    case "SetConfig":
      return `SetPayload(config ${command.config})`
    case "SetNothing":
      return "SetPayload()"
    case "SetWrong":
      return `SetPayload(${command.streams.map(slotText).join(" ")} with ${command.flaw})`
    case "GetStreams":
      return "GetPayload(STREAM)"
    case "GetConfig":
      return "GetPayload(CONFIG)"
    case "GetEvents":
      return "GetEvents"
    case "Send":
      return `a payload through ${command.slot}`
    case "Break":
      return "the outside breaks"
    case "Mend":
      return "the outside is mended"
  }
}

const withStreams = (
  command: Extract<Command, { readonly streams: unknown }>,
  streams: ReadonlyArray<Slot>
): Command => ({ ...command, streams })

/**
 * Everything that is the same command with one thing less.
 *
 * @category shrinking
 * @since 0.1.0
 */
export const simpler = (command: Command): ReadonlyArray<Command> => {
  if (command._tag !== "SetStreams" && command._tag !== "SetWrong") return []
  const { streams } = command
  const fewer = streams.length < 2 ? [] : streams.map((_, at) => streams.filter((_, n) => n !== at))
  const plain = streams.flatMap((stream, at) =>
    [{ ...stream, variant: 0 }, { ...stream, channel: 0 }, { ...stream, reachable: true }]
      .filter((next) => slotText(next) !== slotText(stream))
      .map((next) => streams.with(at, next))
  )
  return [
    ...(command._tag === "SetStreams" && command.config !== undefined ? [{ ...command, config: undefined }] : []),
    ...[...fewer, ...plain].map((streams) => withStreams(command, streams))
  ]
}
