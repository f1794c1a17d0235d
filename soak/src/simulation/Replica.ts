/** One process of the simulated connector: all of the server but its listener. It can be killed and started again. */
import { Events } from "@kps/events"
import { Bucket, ConnectorServer, DeadLetters, SharedState } from "@kps/server"
import { Clock, Effect, Exit, Layer, References, Scope } from "effect"
import * as Mutant from "../connector/Mutant.ts"
import type { Broker } from "./Broker.ts"
import type { Scale } from "./History.ts"
import * as Link from "./Link.ts"
import { Machine } from "./Machine.ts"
import * as Outside from "./Outside.ts"
import * as SharedBuckets from "./SharedBuckets.ts"

export const instance = "simulated"

export interface Surroundings {
  readonly scale: Scale
  readonly broker: Broker
  readonly outside: Outside.Outside
  readonly buckets: Bucket.Buckets["Service"]
  readonly deadLetters: DeadLetters.DeadLetters["Service"]
  readonly mutant: Mutant.Mutant
}

/** Letters are kept where the broker is. */
const lettersOf = (machine: Machine, { broker, deadLetters }: Surroundings): DeadLetters.DeadLetters["Service"] => ({
  ...deadLetters,
  place: "jetstream",
  add: (letters) =>
    Effect.andThen(broker.whenThere, machine.ask(Effect.andThen(broker.whenThere, deadLetters.add(letters))))
})

const server = (machine: Machine, surroundings: Surroundings) =>
  ConnectorServer.layerRoutes(Outside.SimulatedConnector, { connectorId: instance }).pipe(
    Layer.provide([Outside.layer(machine, surroundings.outside, surroundings.mutant), Events.layer]),
    Layer.provide(Layer.succeed(DeadLetters.DeadLetters, lettersOf(machine, surroundings))),
    Layer.provide(
      SharedState.layerBuckets({ connectorId: instance, timeToLive: `${surroundings.scale.timeToLive} seconds` })
    ),
    Layer.provide(
      Layer.succeed(
        Bucket.Buckets,
        SharedBuckets.make(machine, surroundings.broker, surroundings.buckets)
      )
    ),
    Layer.provide(Mutant.layer(surroundings.mutant)),
    Layer.provide(Link.layer(machine, surroundings.broker)),
    Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
  )

export class Replica {
  private readonly surroundings: Surroundings
  private readonly name: string
  private life: { readonly machine: Machine; readonly scope: Scope.Closeable } | undefined
  private lives = 0

  constructor(name: string, surroundings: Surroundings) {
    this.name = name
    this.surroundings = surroundings
  }

  get isRunning(): boolean {
    return this.life !== undefined
  }

  /** Starts a process, unless it runs. */
  readonly start: Effect.Effect<void> = Effect.clockWith((clock) => {
    if (this.life !== undefined) return Effect.void
    const machine = new Machine(`${this.name}.${++this.lives}`, clock)
    const scope = Scope.makeUnsafe()
    this.life = { machine, scope }
    const build = Layer.buildWithScope(server(machine, this.surroundings), scope)
    return Effect.asVoid(Effect.forkDetach(Effect.provideService(build, Clock.Clock, machine.clock)))
  })

  /** From now on nothing of it is heard of. What is left of it in this program is cleared away. */
  readonly kill: Effect.Effect<void> = Effect.suspend(() => {
    const { life } = this
    if (life === undefined) return Effect.void
    this.life = undefined
    life.machine.die()
    const end = Scope.close(life.scope, Exit.void)
    return Effect.asVoid(Effect.forkDetach(Effect.provideService(end, Clock.Clock, life.machine.clock)))
  })

  pause(whenPublishing: boolean): void {
    this.life?.machine.pause(whenPublishing)
  }

  resume(): void {
    this.life?.machine.resume()
  }
}
