/**
 * `kps dlq`: what connectors could not deliver.
 *
 * @since 0.1.0
 */
import type { DeadLetters } from "@kps/server"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { BadSelection, LettersFailed } from "../CommandError.ts"
import * as Connection from "../Connection.ts"
import * as DeadLetterView from "../DeadLetterView.ts"
import * as NatsFlags from "../NatsFlags.ts"
import * as Output from "../Output.ts"

/** With what they do: at the broker, and only there. */
const run = Effect.promise(() => import("../DlqRun.ts"))

const flags = { ...NatsFlags.flags, connectorId: Connection.flags.connectorId }

const stream = Flag.String("stream").pipe(
  Flag.withMetavar("ID"),
  Flag.withDescription("Those of one stream alone"),
  Flag.optional
)

const ids = Argument.String("id").pipe(
  Argument.withDescription("Id of a dead letter: see kps dlq ls"),
  Argument.variadic()
)

const all = Flag.Boolean("all").pipe(Flag.withDescription("All that are there"), Flag.withDefault(false))

/** Every command that changes something is told of what, and in one way. */
const selected = (
  ids: ReadonlyArray<string>,
  others: ReadonlyArray<readonly [flag: string, isGiven: boolean]>,
  wanted: string
) => {
  const given = [...(ids.length > 0 ? ["ids"] : []), ...others.flatMap(([flag, isGiven]) => isGiven ? [flag] : [])]
  if (given.length === 0) return Effect.fail(new BadSelection({ problem: `say which dead letters: ${wanted}` }))
  const both = given.length > 1 && (given.includes("ids") || given.includes("--all"))
  return both
    ? Effect.fail(new BadSelection({ problem: `want one of ${wanted}, got ${given.join(" and ")}` }))
    : Effect.void
}

const ls = Command.make(
  "ls",
  {
    ...flags,
    output: Output.flag,
    stream,
    after: Flag.String("after").pipe(
      Flag.withMetavar("ID"),
      Flag.withDescription("Begin after this dead letter"),
      Flag.optional
    ),
    limit: Flag.Int("limit").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("How many at most"),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000_000 }))),
      Flag.withDefault(100)
    )
  },
  Effect.fn("kps dlq ls")(function*({ after, connectorId, limit, nats, output, prefix, stream }) {
    const { layer, list } = yield* run
    const options = { stream: Option.getOrUndefined(stream), after: Option.getOrUndefined(after), limit }
    const page = yield* Effect.provide(list(connectorId, options), layer({ nats, prefix }))
    yield* Output.list(output, DeadLetterView.columns, page.letters.map(DeadLetterView.summary))
    if (page.next !== undefined) yield* Console.error(`there are more: --after ${page.next}`)
    const [unreadable] = page.unreadable
    if (unreadable !== undefined) return yield* unreadable
  })
).pipe(
  Command.withDescription("List the dead letters of a connector, oldest first; exit code 1 when one cannot be read"),
  Command.withExamples([{
    command: "kps dlq ls -c c-1 --nats nats://127.0.0.1:4222 --stream line-1",
    description: "What one stream could not deliver"
  }])
)

const show = Command.make(
  "show",
  {
    ...flags,
    output: Output.flag,
    raw: Flag.Boolean("raw").pipe(
      Flag.withDescription("Write its bytes to standard output, as they came, and nothing else"),
      Flag.withDefault(false)
    ),
    id: Argument.String("id").pipe(Argument.withDescription("Id of the dead letter: see kps dlq ls"))
  },
  Effect.fn("kps dlq show")(function*({ connectorId, id, nats, output, prefix, raw }) {
    const { get, layer } = yield* run
    const letter = yield* Effect.provide(get(connectorId, id), layer({ nats, prefix }))
    if (raw) {
      const stdio = yield* Stdio.Stdio
      return yield* Effect.orDie(Stream.run(Stream.succeed(letter.bytes), stdio.stdout({ endOnDone: false })))
    }
    const view = DeadLetterView.detail(letter)
    yield* output === "table"
      ? Console.log(DeadLetterView.text(view))
      : Console.log(Output.value(output, view))
  })
).pipe(
  Command.withDescription("Print one dead letter, with the beginning of its bytes; --raw writes all of them"),
  Command.withExamples([{ command: "kps dlq show -c c-1 7 --raw > letter.bin", description: "Have its bytes" }])
)

const replay = Command.make(
  "replay",
  {
    ...flags,
    output: Output.flag,
    stream,
    all,
    again: Flag.Boolean("again").pipe(
      Flag.withDescription("Also what was replayed before"),
      Flag.withDefault(false)
    ),
    ids
  },
  Effect.fn("kps dlq replay")(function*({ again, all, connectorId, ids, nats, output, prefix, stream }) {
    yield* selected(ids, [["--stream", Option.isSome(stream)], ["--all", all]], "ids, --stream ID or --all")
    const { layer, list, replay } = yield* run
    const replays = yield* Effect.provide(
      Effect.gen(function*() {
        if (ids.length > 0) return yield* replay(connectorId, ids, again)
        const { letters } = yield* list(connectorId, { stream: Option.getOrUndefined(stream), limit: Infinity })
        const chosen = letters.filter(({ replays }) => again || replays === 0)
        return yield* replay(connectorId, chosen.map(({ id }) => id), again)
      }),
      layer({ nats, prefix })
    )
    const done = replays.flatMap(({ id, result }) => Result.isSuccess(result) ? [{ id, ...result.success }] : [])
    yield* Output.list(output, replayColumns, done)
    const problems = replays.flatMap(({ result }) => Result.isFailure(result) ? [result.failure.message] : [])
    if (problems.length > 0) return yield* new LettersFailed({ problems })
  })
).pipe(
  Command.withDescription(
    "Publish dead letters to their channels once more, and mark them; exit code 1 when one of them could not be"
  ),
  Command.withExamples([
    { command: "kps dlq replay -c c-1 7 8", description: "Two of them" },
    { command: "kps dlq replay -c c-1 --stream line-1", description: "All of a stream that were not replayed yet" }
  ])
)

const replayColumns: ReadonlyArray<Output.Column<DeadLetters.Replayed & { readonly id: string }>> = [
  { header: "ID", cell: ({ id }) => id },
  { header: "OUTCOME", cell: ({ outcome }) => outcome },
  { header: "REPLAYS", cell: ({ replays }) => String(replays) }
]

const purge = Command.make(
  "purge",
  {
    ...flags,
    stream,
    all,
    replayed: Flag.Boolean("replayed").pipe(
      Flag.withDescription("Those that were replayed"),
      Flag.withDefault(false)
    ),
    ids
  },
  Effect.fn("kps dlq purge")(function*({ all, connectorId, ids, nats, prefix, replayed, stream }) {
    yield* selected(
      ids,
      [["--stream", Option.isSome(stream)], ["--replayed", replayed], ["--all", all]],
      "ids, --stream ID, --replayed or --all"
    )
    const { layer, purge } = yield* run
    const which: DeadLetters.Which = {
      ...(ids.length > 0 ? { ids } : {}),
      ...(Option.isSome(stream) ? { stream: stream.value } : {}),
      ...(replayed ? { replayed } : {}),
      ...(all ? { all } : {})
    }
    const count = yield* Effect.provide(purge(connectorId, which), layer({ nats, prefix }))
    yield* Console.log(`${count} purged`)
  })
).pipe(
  Command.withDescription("Take dead letters away for good, and print how many; --stream and --replayed go together")
)

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("dlq").pipe(
  Command.withDescription("Look at what connectors could not deliver, publish it again, or take it away"),
  Command.withSubcommands([ls, show, replay, purge])
)
