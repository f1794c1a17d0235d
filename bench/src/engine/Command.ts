import { Schema } from "effect"

/** What a process of a benchmark is told on a line of its stdin. A role says which of the numbers it wants. */
export const Command = Schema.Struct({
  do: Schema.String,
  /** How long to work. */
  millis: Schema.optionalKey(Schema.Finite),
  /** How many payloads, messages or calls to wait for, or to make. */
  count: Schema.optionalKey(Schema.Int)
})

export type Command = typeof Command.Type
