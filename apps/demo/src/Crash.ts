/**
 * An error that nobody caught, outside of all effects: in a callback of a library.
 */
import { Effect, Schema } from "effect"

export class Crash extends Schema.TaggedError<Crash>("demo/Crash")("Crash", { cause: Schema.Defect() }) {
  override get message(): string {
    return `an error that nobody caught: ${
      this.cause instanceof Error ? this.cause.stack ?? this.cause.message : String(this.cause)
    }`
  }
}

/** Fails with the first such error, where it would end the process; what comes later does. */
export const watch: Effect.Effect<never, Crash> = Effect.callback((resume) => {
  // rejections of promises that nobody handles come here too
  const onError = (cause: unknown) => resume(Effect.fail(new Crash({ cause })))
  process.once("uncaughtException", onError)
  return Effect.sync(() => process.off("uncaughtException", onError))
})
