import { Deferred, Effect, Layer } from "effect"
import { RunningStreams } from "../../src/RunningStreams.ts"
import type { StreamFailure, StreamSpec, StreamState } from "../../src/StreamSpec.ts"

const noStats = {
  received: 0,
  published: 0,
  delivered: 0,
  failed: 0,
  dropped: 0,
  deadLettered: 0,
  evicted: 0,
  uncertain: 0,
  malformed: 0,
  overflowed: 0
}

/** A double of `RunningStreams`: does at once what it is asked for, says what it was asked, fails what it is told to. */
export class FakeStreams {
  specs: ReadonlyArray<StreamSpec> = []
  /** What was asked, in order. */
  readonly log: Array<string> = []
  /** The streams that do not start, and why. */
  readonly failures = new Map<string, StreamFailure>()
  /** What an `apply` waits for, once it has taken the specs. */
  hold: Effect.Effect<void> = Effect.void
  /** How many applies run now, and the most that ever did. */
  active = 0
  mostActive = 0
  readonly drained = Deferred.makeUnsafe<void>()

  readonly service = RunningStreams.of({
    apply: (specs, { restart }) => {
      this.log.push(`apply${restart === true ? " restart" : ""} ${specs.map(({ id }) => id).join(",")}`)
      return Effect.suspend(() => {
        this.mostActive = Math.max(this.mostActive, ++this.active)
        this.specs = specs
        return Effect.as(this.hold, this.outcomes())
      }).pipe(Effect.ensuring(Effect.sync(() => this.active--)))
    },
    restart: () => {
      this.log.push("restart")
      return Effect.sync(() => this.outcomes())
    },
    drain: () => {
      this.log.push("drain")
      return Deferred.succeed(this.drained, undefined)
    },
    list: Effect.sync(() => this.specs.map((spec) => ({ spec, state: this.stateOf(spec.id), stats: noStats }))),
    readings: Effect.succeed([])
  })

  readonly layer = Layer.succeed(RunningStreams, this.service)

  private outcomes() {
    return this.specs.map(({ id }) => {
      const failure = this.failures.get(id)
      return failure === undefined
        ? { _tag: "Running" as const, streamId: id }
        : { _tag: "Failed" as const, streamId: id, failure }
    })
  }

  private stateOf(id: string): StreamState {
    const failure = this.failures.get(id)
    if (failure === undefined) return { _tag: "Running", sinceMillis: 0 }
    return failure.retryInMillis === undefined ? { _tag: "Halted", failure } : { _tag: "Retrying", failure }
  }
}
