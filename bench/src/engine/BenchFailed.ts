import { Schema } from "effect"

/** A benchmark could not be run to its end: it says nothing about speed. */
export class BenchFailed extends Schema.TaggedError<BenchFailed>("bench/BenchFailed")("BenchFailed", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}
