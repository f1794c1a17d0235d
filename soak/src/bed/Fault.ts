/** What is done to connectors, to brokers, and to the wires between them. */
import type { NatsServer, NatsServerError } from "@kps/transport/testing/NatsServer"
import type { Proxy } from "@kps/transport/testing/Proxy"
import { Data, Effect } from "effect"
import type { Outside } from "./Subject.ts"
import { until } from "./Until.ts"
import { usual } from "./Wire.ts"
import type { World } from "./World.ts"

/** Which broker, and the wire to which. Default: the pipelines'. */
interface Side {
  readonly side?: "outside"
}

export type Fault = Data.TaggedEnum<{
  /** The connector that gives is killed, and started again. */
  Kill: {}
  /** The same when it has delivered something, and nothing that it says since is heard. */
  KillUnheard: {}
  /** The connector that gives is stopped, and goes on after a time. */
  Stop: { readonly millis: number }
  /** What the writer says is held and it is stopped; both go on when its successor has written. */
  StopWriter: {}
  KillBroker: Side & { readonly millis: number }
  StopBroker: Side & { readonly millis: number }
  /** The pipelines' broker is killed and comes back without its disk. */
  LoseDisk: { readonly millis: number }
  /** No connection comes through. */
  Leave: Side & { readonly millis: number }
  Cut: Side
  HalfClose: Side
  Delay: Side & { readonly millis: number; readonly by: number }
  /** What is said waits, then comes through, or does not. */
  Hold: Side & { readonly millis: number; readonly forget: boolean }
  /** No acknowledgement of the broker comes through, until no more come. */
  DropAcks: Side
}>

export const Fault = Data.taggedEnum<Fault>()

/** The same on the side of the outside; what is done to connectors, and to disks, stays. */
export const onOutside = (fault: Fault): Fault => {
  switch (fault._tag) {
    case "Kill":
    case "KillUnheard":
    case "Stop":
    case "StopWriter":
    case "LoseDisk":
      return fault
    default:
      return { ...fault, side: "outside" }
  }
}

/** In words, for a report. */
export const describe = (fault: Fault): string => {
  const { _tag, ...values } = fault
  const text = Object.entries(values).map(([name, value]) => `${name} ${value}`).join(", ")
  return text === "" ? _tag : `${_tag} (${text})`
}

export interface Injected {
  readonly fault: Fault
  /** What was unacknowledged at that moment. */
  readonly unacknowledged: number
  /** Numbers that this fault may lose: those the source was told are safe, on a disk that was lost. */
  readonly forgiven: ReadonlySet<number>
}

const none: ReadonlySet<number> = new Set()

/** A kill when nothing was unacknowledged does not count: so often another one is made. */
const mostTries = 12

const kill = Effect.fnUntraced(function*(world: World) {
  for (let tries = 1;; tries++) {
    const child = world.giver()
    yield* child.kill
    const unacknowledged = yield* world.unacknowledged
    yield* child.start
    // nothing more comes of a source that has given everything
    const isLast = tries === mostTries || world.ends.progress() >= world.count
    if (unacknowledged > 0 || isLast) return unacknowledged
    const before = world.ends.progress()
    yield* until("more records after a kill", () => world.ends.progress() > before)
  }
})

const killUnheard = Effect.fnUntraced(function*(world: World) {
  for (let tries = 1;; tries++) {
    const child = world.giver()
    const delivered = Effect.map(world.ends.look, () => world.ends.delivered().length)
    yield* child.proxy.hold("questions")
    const before = yield* delivered
    // what was on its way to the sink arrives
    yield* Effect.sleep("30 millis")
    if ((yield* delivered) === before && tries < mostTries) {
      yield* child.proxy.release
      yield* Effect.sleep("20 millis")
      continue
    }
    yield* child.kill
    const unacknowledged = yield* world.unacknowledged
    yield* child.proxy.forget
    yield* child.start
    return unacknowledged
  }
})

const stopWriter = Effect.fnUntraced(function*(world: World) {
  const old = world.giver()
  yield* old.proxy.hold("questions")
  // answers still come, so what is given now is published, and waits on the way
  yield* Effect.repeat(Effect.delay(old.proxy.asked, "5 millis"), {
    until: (asked) => asked.some((said) => Buffer.from(said).includes(`HPUB ${world.channel} `))
  }).pipe(Effect.timeoutOrElse({
    duration: "60 seconds",
    orElse: () => Effect.die(new Error("never came: something that the writer publishes"))
  }))
  yield* old.signal("SIGSTOP")
  const unacknowledged = yield* world.unacknowledged
  const stored = Effect.map(world.broker.stored(world.channel), ({ length }) => length)
  const storedBefore = yield* stored
  yield* Effect.repeat(Effect.delay(stored, "50 millis"), { while: (length) => length === storedBefore }).pipe(
    Effect.timeoutOrElse({
      duration: "60 seconds",
      orElse: () => Effect.die(new Error("never came: a record of the successor of a writer that was stopped"))
    })
  )
  yield* old.proxy.release
  yield* Effect.sleep("50 millis")
  yield* old.signal("SIGCONT")
  return unacknowledged
})

/** Sees what is in flight once the fault is there, lets it be for a while, and mends it. */
const during = <A, B, E>(
  world: World,
  break_: Effect.Effect<A, E>,
  millis: number,
  mend: Effect.Effect<B, E>
): Effect.Effect<number, E> =>
  Effect.gen(function*() {
    // between two arrays there may be nothing
    yield* Effect.repeat(Effect.delay(world.ends.look, "2 millis"), { until: () => world.inFlight() > 0, times: 1_000 })
    yield* break_
    const unacknowledged = world.inFlight()
    yield* Effect.sleep(millis)
    yield* mend
    return unacknowledged
  })

const outsideOf = ({ ends: { outside } }: World): Outside => {
  if (outside === undefined) throw new Error("this connector has no outside that something can be done to")
  return outside
}

const serverOf = (world: World, { side }: Side): NatsServer["Service"] =>
  side === "outside" ? outsideOf(world).server : world.broker.server

const wires = (world: World, { side }: Side): ReadonlyArray<Proxy> =>
  side === "outside" ? [outsideOf(world).proxy] : world.children.map(({ proxy }) => proxy)

const wire = (world: World, side: Side, act: (proxy: Proxy) => Effect.Effect<void>) =>
  Effect.forEach(wires(world, side), act, { discard: true })

/** Whether it is the broker's answer to a record that was published; of leases and the like there are answers, too. */
const isAck = (body: string): boolean => /"stream": ?"(?!KV_).*"seq": ?[1-9]/u.test(body)

/** So long none comes, in milliseconds, when whoever publishes waits for one and sends nothing more. */
const quiet = 300

/** A later one would say that those before it are stored, too: all are dropped, until nothing but a clock can help. */
const dropAcks = Effect.fnUntraced(function*(world: World, { side }: Side) {
  const { proxy } = side === "outside" ? outsideOf(world) : world.giver()
  let [count, at] = [0, 0]
  yield* proxy.drop((_, body) => {
    if (!isAck(body)) return false
    at = performance.now()
    return ++count > 0
  })
  // of a source that has given everything there may be none
  const isOver = () => count === 0 && world.ends.progress() >= world.count && world.inFlight() === 0
  yield* until("acknowledgements to drop", () => (count > 0 && performance.now() - at > quiet) || isOver())
  yield* proxy.drop(undefined)
  return count
})

/** How often a connector has noticed that the broker is not there. */
const noticed = (said: string): number => said.split("not connected to the broker").length

const loseDisk = Effect.fnUntraced(function*(world: World, millis: number) {
  const { broker: { server }, ends: { acknowledged } } = world
  if (acknowledged === undefined) throw new Error("what this source was told is not known")
  const { said } = world.giver()
  const before = noticed(said())
  yield* server.loseDisk
  const unacknowledged = world.inFlight()
  // what the broker has said before it went is read by then, and written down a moment later
  yield* until("a connector without a broker", () => noticed(said()) > before)
  yield* Effect.sleep(millis)
  const forgiven = acknowledged()
  yield* server.restart
  return { unacknowledged, forgiven }
})

/** Does it, and lets it pass. */
export const inject = Effect.fnUntraced(function*(
  world: World,
  fault: Fault
): Effect.fn.Return<Injected, NatsServerError> {
  if (fault._tag === "LoseDisk") return { fault, ...(yield* loseDisk(world, fault.millis)) }
  const giver = world.giver()
  const unacknowledged = yield* Fault.$match(fault, {
    Kill: () => kill(world),
    KillUnheard: () => killUnheard(world),
    StopWriter: () => stopWriter(world),
    Stop: ({ millis }) => during(world, giver.signal("SIGSTOP"), millis, giver.signal("SIGCONT")),
    KillBroker: (its) => {
      const server = serverOf(world, its)
      return during(world, server.kill(), its.millis, server.restart)
    },
    StopBroker: (its) => {
      const server = serverOf(world, its)
      return during(world, server.kill("SIGSTOP"), its.millis, server.kill("SIGCONT"))
    },
    LoseDisk: () => Effect.succeed(0),
    Leave: (its) =>
      during(world, wire(world, its, ({ leave }) => leave), its.millis, wire(world, its, ({ back }) => back)),
    Cut: (its) => during(world, wire(world, its, ({ cut }) => cut), 0, Effect.void),
    HalfClose: (its) => during(world, wire(world, its, ({ halfClose }) => halfClose), 0, Effect.void),
    Delay: (its) =>
      during(
        world,
        wire(world, its, ({ delay }) => delay(its.by)),
        its.millis,
        wire(world, its, ({ delay }) => delay(usual))
      ),
    Hold: (its) =>
      during(
        world,
        wire(world, its, ({ hold }) => hold("everything")),
        its.millis,
        // what was forgotten is missed in the middle of a connection: it cannot go on
        wire(world, its, ({ cut, forget, release }) => its.forget ? Effect.andThen(cut, forget) : release)
      ),
    DropAcks: (its) => dropAcks(world, its)
  })
  return { fault, unacknowledged, forgiven: none }
})
