/** One try to connect to one server: the promise edge to the client, which leaves nothing behind when it fails. */
import { connect, errors, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { AsyncLocalStorage } from "node:async_hooks"
import { channel } from "node:diagnostics_channel"
import type { Socket } from "node:net"
import * as identity from "./identity.ts"
import type { Server } from "./servers.ts"

export interface Options extends identity.Identity {
  readonly name: string
  readonly connectTimeoutMillis: number
}

export interface Dialled {
  readonly server: Server
  readonly client: NatsConnection
  /** Cuts the connection at once, whatever state it is in. */
  readonly destroy: () => void
}

/** Why it failed: what the client threw, or what could not be read. */
export class DialFailed {
  readonly _tag = "DialFailed"
  readonly server: Server
  readonly cause: unknown
  constructor(server: Server, cause: unknown) {
    this.server = server
    this.cause = cause
  }
}

const told = (cause: unknown, { connectTimeoutMillis }: Options, { tls }: NodeConnectionOptions): unknown => {
  if (cause instanceof errors.TimeoutError) return new Error(`no answer within ${connectTimeoutMillis} ms`)
  // with TLS 1.3 a server refuses it after the handshake, and the reset can overtake its reason
  const reset = tls?.cert === undefined && tls !== undefined && hasCode(cause, "ECONNRESET")
  return reset ? new Error("connection reset by the server, which may want a client certificate", { cause }) : cause
}

const hasCode = (cause: unknown, code: string): boolean => Predicate.hasProperty(cause, "code") && cause.code === code

/** The client's longest possible interval: `Link` has pings of its own. */
const never = 2 ** 31 - 1

// The client reconnects no connection: a broken one is closed, and its buffers with it, so that nothing is sent twice.
const clientOptions = (server: Server, options: Options): NodeConnectionOptions => {
  const host = server.host.includes(":") ? `[${server.host}]` : server.host
  return {
    servers: [`${host}:${server.port}`],
    name: options.name,
    timeout: options.connectTimeoutMillis,
    reconnect: false,
    ignoreClusterUpdates: true,
    pingInterval: never,
    noAsyncTraces: true
  }
}

/** Connects as who the files say now, or fails with what they lack or what the client threw. */
export const dial = (server: Server, options: Options): Effect.Effect<Dialled, DialFailed> =>
  identity.clientOptions(server, options).pipe(
    Effect.mapError((cause) => new DialFailed(server, cause)),
    Effect.flatMap((shown) => connected(server, options, { ...clientOptions(server, options), ...shown }))
  )

/**
 * The client forgets the socket of a try that fails in the middle (a host that takes connections and says nothing),
 * and has no way to give up one. So the sockets of this try are noted where Node makes them.
 */
const connected = (
  server: Server,
  options: Options,
  given: NodeConnectionOptions
): Effect.Effect<Dialled, DialFailed> =>
  Effect.callback((resume) => {
    const sockets = new Set<Socket>()
    let over = false
    const storage = new AsyncLocalStorage<boolean>()
    const created = channel("net.client.socket")
    const onSocket = (message: unknown) => {
      if (storage.getStore() !== true) return
      const { socket } = message as { readonly socket: Socket } // documented by Node
      sockets.add(socket)
      socket.once("close", () => sockets.delete(socket))
      // it begins to connect after this
      if (over) setImmediate(() => socket.destroy())
    }
    const destroy = () => {
      over = true
      for (const socket of sockets) socket.destroy()
    }
    created.subscribe(onSocket)
    storage.run(true, () => connect(given)).then(
      (client) => {
        if (!over) return resume(Effect.succeed({ server, client, destroy }))
        destroy()
        return client.close()
      },
      (cause) => {
        destroy()
        resume(Effect.fail(new DialFailed(server, told(cause, options, given))))
      }
    ).catch(() => undefined).finally(() => {
      created.unsubscribe(onSocket)
      storage.disable()
    })
    return Effect.sync(destroy)
  })
