/**
 * The demo as a process. Exit status: 0 all came out, 1 something went wrong, 2 bad options.
 */
import { Cause, Console, Effect, Exit, References, Runtime } from "effect"
import * as Demo from "./Demo.ts"
import * as Options from "./Options.ts"
import * as Signals from "./Signals.ts"
import * as Source from "./Source.ts"

const main = Effect.gen(function*() {
  // npm and pnpm run scripts in the folder of the package and say here where they were called
  const folder = process.env["INIT_CWD"] ?? process.cwd()
  const options = yield* Options.parse(process.argv.slice(2), folder)
  if (options === "help") return yield* Effect.as(Console.log(Options.help.trimEnd()), 0)
  yield* Source.check(options.input)
  return yield* Demo.run(options)
}).pipe(
  Effect.catchTag(["InvalidOption", "InputFailed"], (error) => Effect.as(Console.error(`demo: ${error.message}`), 2)),
  Effect.provide(Signals.layer),
  // standard output is for what the demo says; that a broker went and came it says itself
  Effect.provideService(References.LogToStderr, true),
  Effect.provideService(References.MinimumLogLevel, "Error")
)

// `NodeRuntime.runMain` would interrupt at the first signal, and wait for standard input at the end
const runMain = Runtime.makeRunMain(({ fiber }) =>
  fiber.addObserver((exit) => {
    process.exit(Exit.isSuccess(exit) && typeof exit.value === "number" ? exit.value : 1)
  })
)

runMain(Effect.tapCause(main, (cause) => Console.error(Cause.pretty(cause))), { disableErrorReporting: true })
