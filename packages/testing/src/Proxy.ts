/**
 * Places that cannot be reached, and know who tried. The proxy that takes a server away is that of the transport.
 *
 * @since 0.1.0
 */
import * as Proxy from "@kps/transport/testing/Proxy"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Net from "node:net"
import { BedFailed } from "./Outcome.ts"

/**
 * Listens on a free port of the loopback interface, in the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen = (
  onConnection: (socket: Net.Socket) => void
): Effect.Effect<string, BedFailed, Scope.Scope> => Effect.mapError(Proxy.listen(onConnection), bedFailed)

/**
 * Makes a proxy before `target`, a `host:port`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (target: string): Effect.Effect<Proxy.Proxy, BedFailed, Scope.Scope> =>
  Effect.mapError(Proxy.make(target), bedFailed)

const bedFailed = ({ message }: Proxy.ProxyError) => new BedFailed({ problem: message })

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
