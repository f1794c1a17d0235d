/**
 * `kps logs`, `kps tap`, `kps top`: what happens on a service domain at this moment.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as TargetFlags from "../domain/TargetFlags.ts"
import * as Output from "../Output.ts"

const run = Effect.promise(() => import("../domain/OperateRun.ts"))

/**
 * @category commands
 * @since 0.1.0
 */
export const logs = Command.make(
  "logs",
  {
    ...TargetFlags.flags,
    output: Output.flag,
    name: Argument.String("name").pipe(Argument.withDescription("A connector instance or a data pipeline")),
    func: Flag.String("function").pipe(
      Flag.withMetavar("NAME"),
      Flag.withDescription("Of a pipeline: of one of its functions alone"),
      Flag.optional
    ),
    follow: Flag.Boolean("follow").pipe(
      Flag.withAlias("f"),
      Flag.withDescription("Go on and print lines as they are written, until interrupted"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("kps logs")(function*({ follow, func, name, output, ...target }) {
    yield* (yield* run).logs(name, { follow, func, output, target })
  })
).pipe(Command.withDescription("Print what a connector, or the functions of a pipeline, have written"))

/**
 * @category commands
 * @since 0.1.0
 */
export const tap = Command.make(
  "tap",
  {
    ...TargetFlags.flags,
    output: Output.flag,
    name: Argument.String("name").pipe(Argument.withDescription("A connector stream or a data pipeline")),
    count: Flag.Int("count").pipe(
      Flag.withAlias("n"),
      Flag.withMetavar("N"),
      Flag.withDescription("End after so many messages; without it, when interrupted"),
      Flag.withSchema(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))),
      Flag.optional
    )
  },
  Effect.fn("kps tap")(function*({ count, name, output, ...target }) {
    yield* (yield* run).tap(name, { count, output, target })
  })
).pipe(
  Command.withDescription(
    "Print messages as they pass a stream or leave a pipeline, redacted; it takes them from nobody"
  )
)

/**
 * @category commands
 * @since 0.1.0
 */
export const top = Command.make(
  "top",
  {
    ...TargetFlags.flags,
    output: Output.flag,
    once: Flag.Boolean("once").pipe(Flag.withDescription("Print it once, and end"), Flag.withDefault(false)),
    interval: Flag.Int("interval").pipe(
      Flag.withMetavar("MILLIS"),
      Flag.withDescription("How often to look"),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 200, maximum: 60_000 }))),
      Flag.withDefault(2_000)
    )
  },
  Effect.fn("kps top")(function*({ interval, once, output, ...target }) {
    yield* (yield* run).top({ once, everyMillis: interval, output, target })
  })
).pipe(Command.withDescription("Print what runs on a service domain and what passes: rates, lags, states"))
