/**
 * One process of the simulation, as the network sees it: it can be cut off, paused, and dead. What it said before goes on
 * its way all the same.
 */
import { Clock, Effect, Fiber, Latch, Random } from "effect"

/** How long a message takes from one machine to another, in milliseconds: now and then much longer. */
const latency = Effect.map(
  Random.next,
  (random) => random < 0.995 ? 1 + Math.floor(random * 10) : 200 + Math.floor((random - 0.995) * 2_000_000)
)

const onTheWay = Effect.flatMap(latency, Effect.sleep)

export class Machine {
  readonly name: string
  /** What it sleeps by: what ends while it is paused is noticed when it goes on, and never when it is dead. */
  readonly clock: Clock.Clock
  private readonly world: Clock.Clock
  private readonly awake = Latch.makeUnsafe(true)
  private dead = false
  private stopsNext = false

  constructor(name: string, world: Clock.Clock) {
    this.name = name
    this.world = world
    this.clock = {
      currentTimeMillisUnsafe: () => world.currentTimeMillisUnsafe(),
      currentTimeNanosUnsafe: () => world.currentTimeNanosUnsafe(),
      monotonicTimeNanosUnsafe: () => world.monotonicTimeNanosUnsafe(),
      currentTimeMillis: world.currentTimeMillis,
      currentTimeNanos: world.currentTimeNanos,
      monotonicTimeNanos: world.monotonicTimeNanos,
      sleep: (duration) => Effect.andThen(world.sleep(duration), this.alive)
    }
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
    const asked = this.alive.pipe(
      Effect.andThen(onTheWay),
      Effect.andThen(Effect.exit(act)),
      Effect.tap(onTheWay),
      Effect.provideService(Clock.Clock, this.world)
    )
    return Effect.forkDetach(asked, { startImmediately: true }).pipe(
      Effect.flatMap(Fiber.join),
      Effect.flatMap((exit) => Effect.andThen(this.alive, exit))
    )
  }
}
