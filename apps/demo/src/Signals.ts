/**
 * When this process is told to end.
 */
import { Clock, Context, Deferred, Effect, Layer } from "effect"

export class Signals extends Context.Service<Signals, {
  /** Succeeds when the process is told to end, with what told it. */
  readonly stop: Effect.Effect<string>
  /** Succeeds when it is told so again: not to wait for anything. */
  readonly hurry: Effect.Effect<void>
}>()("demo/Signals") {}

const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** One Ctrl-C arrives more than once: the terminal sends it to every process, and `npm start` hands its own on. */
const sameKeyMillis = 1_000

const make = Effect.gen(function*() {
  const clock = yield* Clock.Clock
  const stop = yield* Deferred.make<string>()
  const hurry = yield* Deferred.make<void>()
  let first: number | undefined
  const onSignal = (signal: string): void => {
    const now = clock.currentTimeMillisUnsafe()
    first ??= now
    Deferred.doneUnsafe(stop, Effect.succeed(signal))
    if (now - first >= sameKeyMillis) Deferred.doneUnsafe(hurry, Effect.void)
  }
  // every line that cannot be written says so again: no reason to hurry
  const onOutputGone = (): void => {
    Deferred.doneUnsafe(stop, Effect.succeed("its output is closed"))
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      for (const name of names) process.on(name, onSignal)
      // stays: what is still to be written when the scope has closed must not bring down the process
      process.stdout.on("error", onOutputGone)
    }),
    () =>
      Effect.sync(() => {
        for (const name of names) process.off(name, onSignal)
      })
  )
  return Signals.of({ stop: Deferred.await(stop), hurry: Deferred.await(hurry) })
})

/** Listens for SIGINT, SIGTERM and SIGHUP, and for a reader of standard output that has gone away. */
export const layer: Layer.Layer<Signals> = Layer.effect(Signals, make)
