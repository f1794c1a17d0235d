/** What is done to connectors, to the broker, and to the wire between them. */
import type { NatsServerError } from "@kps/transport/testing/NatsServer"
import { Data, Effect } from "effect"
import * as Book from "../connector/Book.ts"
import { until } from "./Until.ts"
import { wire as usual, type World } from "./World.ts"

export type Fault = Data.TaggedEnum<{
  /** The connector that gives is killed, and started again. */
  Kill: {}
  /** The connector that gives is stopped, and goes on after a time. */
  Stop: { readonly millis: number }
  /** What the writer says is held and it is stopped; both go on when its successor has written. */
  StopWriter: {}
  KillBroker: { readonly millis: number }
  StopBroker: { readonly millis: number }
  /** The broker is killed and comes back without its disk. */
  LoseDisk: { readonly millis: number }
  /** No connection comes through. */
  Leave: { readonly millis: number }
  Cut: {}
  HalfClose: {}
  Delay: { readonly millis: number; readonly by: number }
  /** What is said waits, then comes through, or does not. */
  Hold: { readonly millis: number; readonly forget: boolean }
  /** So many acknowledgements of the broker do not come through. */
  DropAcks: { readonly count: number }
}>

export const Fault = Data.taggedEnum<Fault>()

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
    if (unacknowledged > 0 || tries === mostTries) return unacknowledged
    const before = world.progress()
    yield* until("more records after a kill", () => world.progress() > before)
  }
})

const stopWriter = Effect.fnUntraced(function*(world: World) {
  const old = world.giver()
  const before = world.progress()
  yield* old.proxy.hold("questions")
  // answers still come, so what was given since then is published, and waits on the way
  yield* until("something of the writer is held", () => world.progress() >= before + 30)
  yield* Effect.sleep("20 millis")
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
    yield* Effect.repeat(Effect.sleep("2 millis"), { until: () => world.inFlight() > 0, times: 1_000 })
    yield* break_
    const unacknowledged = world.inFlight()
    yield* Effect.sleep(millis)
    yield* mend
    return unacknowledged
  })

const wire = (world: World, act: (proxy: World["children"][number]["proxy"]) => Effect.Effect<void>) =>
  Effect.forEach(world.children, ({ proxy }) => act(proxy), { discard: true })

/** The sequence that the broker's answer to a publish says; `undefined`: it is none. */
const storedAs = (body: string): number | undefined => {
  const [, sequence] = /"stream":.*"seq": ?(\d+)/u.exec(body) ?? []
  return sequence === undefined ? undefined : Number(sequence)
}

const dropAcks = Effect.fnUntraced(function*(world: World, count: number) {
  const { proxy } = world.giver()
  const before = yield* proxy.dropped
  let left = count
  yield* proxy.drop((_, body) => left > 0 && storedAs(body) !== undefined && left-- > 0)
  yield* until("acknowledgements to drop", () => left === 0)
  const unacknowledged = world.inFlight()
  yield* proxy.drop(undefined)
  return Math.min(unacknowledged, (yield* proxy.dropped) - before)
})

/** How often a connector has noticed that the broker is not there. */
const noticed = (said: string): number => said.split("not connected to the broker").length

const loseDisk = Effect.fnUntraced(function*(world: World, millis: number) {
  const { server } = world.broker
  const { said } = world.giver()
  const before = noticed(said())
  yield* server.loseDisk
  const unacknowledged = world.inFlight()
  // what the broker has said before it went is read by then, and written down a moment later
  yield* until("a connector without a broker", () => noticed(said()) > before)
  yield* Effect.sleep(millis)
  const forgiven = new Set(
    Book.acknowledged(world.source).flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, n) => from + n))
  )
  yield* server.restart
  return { unacknowledged, forgiven }
})

/** Does it, and lets it pass. */
export const inject = Effect.fnUntraced(function*(
  world: World,
  fault: Fault
): Effect.fn.Return<Injected, NatsServerError> {
  const { broker: { server } } = world
  if (fault._tag === "LoseDisk") return { fault, ...(yield* loseDisk(world, fault.millis)) }
  const giver = world.giver()
  const unacknowledged = yield* Fault.$match(fault, {
    Kill: () => kill(world),
    StopWriter: () => stopWriter(world),
    Stop: ({ millis }) => during(world, giver.signal("SIGSTOP"), millis, giver.signal("SIGCONT")),
    KillBroker: ({ millis }) => during(world, server.kill(), millis, server.restart),
    StopBroker: ({ millis }) => during(world, server.kill("SIGSTOP"), millis, server.kill("SIGCONT")),
    LoseDisk: () => Effect.succeed(0),
    Leave: ({ millis }) => during(world, wire(world, (proxy) => proxy.leave), millis, wire(world, ({ back }) => back)),
    Cut: () => during(world, wire(world, ({ cut }) => cut), 0, Effect.void),
    HalfClose: () => during(world, wire(world, ({ halfClose }) => halfClose), 0, Effect.void),
    Delay: ({ by, millis }) =>
      during(world, wire(world, ({ delay }) => delay(by)), millis, wire(world, ({ delay }) => delay(usual))),
    Hold: ({ forget, millis }) =>
      during(
        world,
        wire(world, ({ hold }) => hold("everything")),
        millis,
        // what was forgotten is missed in the middle of a connection: it cannot go on
        wire(world, ({ cut, forget: drop, release }) => forget ? Effect.andThen(cut, drop) : release)
      ),
    DropAcks: ({ count }) => dropAcks(world, count)
  })
  return { fault, unacknowledged, forgiven: none }
})
