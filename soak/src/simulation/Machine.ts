/**
 * One process of the simulation, as the network sees it: it can be cut off, paused, and dead. What it said before goes on
 * its way all the same.
 */
import { Deferred, Effect, Latch, Random } from "effect"

/** How long a message takes from one machine to another, in milliseconds: now and then much longer. */
const latency = Effect.map(
  Random.next,
  (random) => random < 0.995 ? 1 + Math.floor(random * 10) : 200 + Math.floor((random - 0.995) * 2_000_000)
)

export class Machine {
  readonly name: string
  private readonly awake = Latch.makeUnsafe(true)
  private dead = false
  private stopsNext = false

  constructor(name: string) {
    this.name = name
  }

  /** Nothing of it can be heard of from now on, and it hears nothing. */
  die(): void {
    this.dead = true
  }

  /** As a SIGSTOP does: it is stopped between one thing and the next; at once, or when it has made up its mind to publish. */
  pause(whenPublishing = false): void {
    if (whenPublishing) this.stopsNext = true
    else this.awake.closeUnsafe()
  }

  resume(): void {
    this.stopsNext = false
    this.awake.openUnsafe()
  }

  /** It is about to publish. */
  publishes(): void {
    if (this.stopsNext) this.awake.closeUnsafe()
  }

  /** Before anything that another machine would notice, and after anything that this one is told. */
  readonly alive: Effect.Effect<void> = Effect.suspend(() =>
    this.dead
      ? Effect.never
      : Latch.isOpen(this.awake)
      ? Effect.void
      : Effect.andThen(this.awake.await, this.alive)
  )

  /** Whether it is neither paused nor dead. */
  get acts(): boolean {
    return !this.dead && Latch.isOpen(this.awake)
  }

  /**
   * Asks something of another machine: there is time between asking and doing, and between doing and hearing of it. What
   * was asked is done, whatever becomes of the one who asked. Of one that is paused it is done when that goes on, whatever
   * it would think of it by then: it had made up its mind before.
   */
  ask<A, E>(act: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.gen({ self: this }, function*() {
      const answer = Deferred.makeUnsafe<A, E>()
      yield* Effect.forkDetach(Effect.gen({ self: this }, function*() {
        yield* this.alive
        yield* Effect.sleep(yield* latency)
        const exit = yield* Effect.exit(act)
        yield* Effect.sleep(yield* latency)
        Deferred.doneUnsafe(answer, exit)
      }))
      const exit = yield* Effect.exit(Deferred.await(answer))
      yield* this.alive
      return yield* exit
    })
  }
}
