/**
 * A TCP proxy before a server, to take the server away and to hold what flows.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Net from "node:net"
import { BedFailed } from "./Outcome.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Proxy {
  /** Where it listens, as `host:port`. */
  readonly address: string
  /** Ends every connection, and each new one at once. */
  readonly leave: Effect.Effect<void>
  /** Lets connections through again. */
  readonly back: Effect.Effect<void>
  /** Keeps connections open and lets nothing through, in either direction. */
  readonly hold: Effect.Effect<void>
  /** Lets everything through again, and what waited first. */
  readonly release: Effect.Effect<void>
}

interface Pair {
  readonly near: Net.Socket
  readonly far: Net.Socket
}

/**
 * Listens on a free port of the loopback interface, in the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen = (
  onConnection: (socket: Net.Socket) => void
): Effect.Effect<string, BedFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Net.Server, BedFailed>((resume) => {
      const server = Net.createServer(onConnection)
      server.once("error", ({ message }) =>
        resume(Effect.fail(new BedFailed({ problem: `cannot listen on 127.0.0.1: ${message}` }))))
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(Effect.map((server) => {
    const address = server.address()
    return `127.0.0.1:${typeof address === "object" ? address?.port ?? 0 : 0}`
  }))

/**
 * Makes a proxy before `target`, a `host:port`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(target: string): Effect.fn.Return<Proxy, BedFailed, Scope.Scope> {
  const url = new URL(`tcp://${target}`)
  const pairs = new Set<Pair>()
  let away = false
  let held = false

  const join = ({ far, near }: Pair) => {
    near.pipe(far)
    far.pipe(near)
  }
  const end = () => {
    for (const { far, near } of pairs) {
      near.destroy()
      far.destroy()
    }
  }
  const address = yield* listen((near) => {
    if (away) return void near.on("error", ignore).destroy()
    const far = Net.connect({ host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || "4222") })
    const pair = { near, far }
    pairs.add(pair)
    const close = () => {
      pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) socket.setNoDelay(true).on("error", ignore).on("close", close)
    if (!held) join(pair)
  })
  yield* Effect.addFinalizer(() => Effect.sync(end))
  return {
    address,
    leave: Effect.sync(() => {
      away = true
      end()
    }),
    back: Effect.sync(() => {
      away = false
    }),
    hold: Effect.sync(() => {
      held = true
      for (const { far, near } of pairs) {
        near.unpipe(far).pause()
        far.unpipe(near).pause()
      }
    }),
    release: Effect.sync(() => {
      held = false
      for (const pair of pairs) join(pair)
    })
  }
})

const ignore = () => {}

/**
 * Listeners that end each connection at once, and know when each was made: what cannot be reached, by name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusers {
  /** Where the one of this name listens, as `host:port`. */
  readonly address: (name: string) => Effect.Effect<string, BedFailed>
  /** When it was tried, in milliseconds of a clock that only goes forward. */
  readonly tries: (name: string) => ReadonlyArray<number>
}

/**
 * Makes listeners as they are asked for, in the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refusers = Effect.fnUntraced(function*(): Effect.fn.Return<Refusers, never, Scope.Scope> {
  const scope = yield* Effect.scope
  const known = new Map<string, { readonly address: string; readonly tries: Array<number> }>()
  return {
    address: Effect.fnUntraced(function*(name) {
      const there = known.get(name)
      if (there !== undefined) return there.address
      const tries: Array<number> = []
      const address = yield* listen((socket) => {
        tries.push(performance.now())
        socket.on("error", ignore).destroy()
      }).pipe(Scope.provide(scope))
      known.set(name, { address, tries })
      return address
    }),
    tries: (name) => known.get(name)?.tries ?? []
  }
})
