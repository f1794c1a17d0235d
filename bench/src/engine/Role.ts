/** The other end of `Worker`: what a process of `src/roles` does with its commands. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Schema, type Scope, Stream } from "effect"
import { createInterface } from "node:readline"
import { Command } from "./Command.ts"

export { monotonicNanos } from "./MonotonicClock.ts"

const Line = Schema.fromJsonString(Command)

/** What to do for each command; the answer goes back as it is. */
export type Handlers = Readonly<Record<string, (command: Command) => Effect.Effect<object, unknown>>>

/** User and system time of this process so far, in microseconds. */
export const cpuMicros = (): number => {
  const { system, user } = process.cpuUsage()
  return user + system
}

const write = (line: object) =>
  Effect.sync(() => {
    process.stdout.write(`${JSON.stringify(line)}\n`)
  })

/**
 * Runs this process: reads the parameters, makes the handlers, says that they are ready, and answers until stdin ends.
 */
export const main = <A, E>(
  parameters: Schema.Codec<A, unknown>,
  make: (parameters: A) => Effect.Effect<Handlers, E, Scope.Scope>
): void => {
  Effect.gen(function*() {
    const handlers = yield* make(yield* Schema.decodeUnknownEffect(Schema.fromJsonString(parameters))(process.argv[2]))
    yield* write({ event: "ready" })
    yield* Stream.fromAsyncIterable(createInterface({ input: process.stdin }), (cause) => cause).pipe(
      Stream.runForEach(Effect.fnUntraced(function*(line) {
        const command = yield* Schema.decodeEffect(Line)(line)
        const handler = handlers[command.do]
        if (handler === undefined) return yield* write({ event: "failed", problem: `no command "${command.do}"` })
        const exit = yield* Effect.exit(handler(command))
        yield* write(
          Exit.isSuccess(exit)
            ? { event: "answer", ...exit.value }
            : { event: "failed", problem: Cause.pretty(exit.cause) }
        )
      }))
    )
  }).pipe(Effect.scoped, NodeRuntime.runMain)
}
