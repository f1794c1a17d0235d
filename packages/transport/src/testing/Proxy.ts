/**
 * A TCP proxy before a NATS server, that does what networks do: it takes the server away, cuts, holds, delays, drops
 * what the server says, and closes one half of a connection.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import { filtering } from "../internal/natsFrames.ts"
import { ProxiedPair } from "../internal/proxiedPair.ts"

/**
 * The proxy cannot listen.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProxyError
  extends Schema.TaggedError<ProxyError>("@kps/transport/testing/Proxy/ProxyError")("ProxyError", {
    problem: Schema.String
  })
{
  override get message(): string {
    return `proxy: ${this.problem}`
  }
}

/**
 * Says which messages of the server do not come through: by their subject and their headers and payload as text.
 *
 * @category models
 * @since 0.1.0
 */
export type Drops = (subject: string, body: string) => boolean

/**
 * What is held: what the server says, what the client says, or both.
 *
 * @category models
 * @since 0.1.0
 */
export type Held = "answers" | "questions" | "everything"

/**
 * A proxy that listens. Every method is for all connections, those to come too.
 *
 * @category models
 * @since 0.1.0
 */
export interface Proxy {
  /** Where it listens, as `host:port`. */
  readonly address: string
  /** The same as a URL of NATS. */
  readonly url: string
  /** Ends every connection, and each new one at once. */
  readonly leave: Effect.Effect<void>
  /** Lets connections through again. */
  readonly back: Effect.Effect<void>
  /** Ends every connection; new ones come through. */
  readonly cut: Effect.Effect<void>
  /** The server's half of every connection ends, and what the client says still comes through. */
  readonly halfClose: Effect.Effect<void>
  /**
   * Keeps connections open and lets nothing through. Up to 64 KiB wait here in each direction; beyond that nothing is
   * read, so that the sender notices.
   */
  readonly hold: (what: Held) => Effect.Effect<void>
  /** Lets everything through again, and what waited first. */
  readonly release: Effect.Effect<void>
  /** Lets everything through again, but for what waited here. */
  readonly forget: Effect.Effect<void>
  /** What clients said and is held here: the bytes of each connection, in order. */
  readonly asked: Effect.Effect<ReadonlyArray<Uint8Array>>
  /** Everything comes so much later, in both directions; zero: at once. */
  readonly delay: (duration: Duration.Input) => Effect.Effect<void>
  /**
   * Messages of the server for which this is true do not come through; `undefined`: all do. Of a proxy that was made
   * with `frames`.
   */
  readonly drop: (drops: Drops | undefined) => Effect.Effect<void>
  /** How many messages were dropped so far. */
  readonly dropped: Effect.Effect<number>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Whether what the server says is read as NATS without TLS, frame by frame, so that `drop` has something to look at.
   * Default: false, any bytes come through as they are.
   */
  readonly frames?: boolean
}

/**
 * Listens on a free port of the loopback interface, in the scope, and gives the `host:port`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const listen = (
  onConnection: (socket: Net.Socket) => void
): Effect.Effect<string, ProxyError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Net.Server, ProxyError>((resume) => {
      const server = Net.createServer(onConnection)
      server.once(
        "error",
        ({ message }) => resume(Effect.fail(new ProxyError({ problem: `cannot listen on 127.0.0.1: ${message}` })))
      )
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(Effect.map((server) => {
    const address = server.address()
    return `127.0.0.1:${typeof address === "object" ? address?.port ?? 0 : 0}`
  }))

/**
 * Makes a proxy before `target`, a `host:port` (port 4222 where there is none), in the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  target: string,
  { frames = false }: Options = {}
): Effect.fn.Return<Proxy, ProxyError, Scope.Scope> {
  const place = new URL(`tcp://${target}`)
  const pairs = new Set<ProxiedPair>()
  let away = false
  let held: Held | undefined
  let delayMillis = 0
  let drops: Drops | undefined
  let dropped = 0
  const isDropped: Drops = (subject, body) => {
    const gone = drops?.(subject, body) === true
    if (gone) dropped++
    return gone
  }

  const address = yield* listen((near) => {
    if (away) return void near.on("error", () => {}).destroy()
    const far = Net.connect({ host: place.hostname.replace(/^\[|\]$/g, ""), port: Number(place.port || "4222") })
    const pair = new ProxiedPair(near, far, {
      cutting: (write) => frames ? filtering(isDropped, write) : write,
      held: () => held,
      delayMillis: () => delayMillis,
      onClose: () => pairs.delete(pair)
    })
    pairs.add(pair)
  })
  const each = (act: (pair: ProxiedPair) => void) =>
    Effect.sync(() => {
      for (const pair of Array.from(pairs)) act(pair)
    })
  const cut = each((pair) => pair.destroy())
  yield* Effect.addFinalizer(() => cut)
  const set = (change: () => void) => Effect.sync(change)

  return {
    address,
    url: `nats://${address}`,
    leave: Effect.andThen(set(() => (away = true)), cut),
    back: set(() => (away = false)),
    cut,
    halfClose: each((pair) => pair.halfClose()),
    hold: (what) => Effect.andThen(set(() => (held = what)), each((pair) => pair.obey())),
    release: Effect.andThen(set(() => (held = undefined)), each((pair) => pair.obey())),
    forget: Effect.andThen(set(() => (held = undefined)), each((pair) => pair.obey({ forget: true }))),
    asked: Effect.sync(() => Array.from(pairs, (pair) => pair.asked())),
    delay: (duration) => set(() => (delayMillis = Duration.toMillis(Duration.fromInputUnsafe(duration)))),
    drop: (next) => set(() => (drops = next)),
    dropped: Effect.sync(() => dropped)
  }
})
