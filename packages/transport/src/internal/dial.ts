/** One try to connect to one server: the promise edge to the client, which leaves nothing behind when it fails. */
import { connect, errors, type NatsConnection, type TlsOptions } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { AsyncLocalStorage } from "node:async_hooks"
import { channel } from "node:diagnostics_channel"
import type { Socket } from "node:net"
import { isIP } from "node:net"
import type { Credentials, Server } from "./servers.ts"

export interface Options {
  readonly name: string
  readonly credentials: Credentials
  readonly connectTimeoutMillis: number
}

export interface Dialled {
  readonly server: Server
  readonly client: NatsConnection
  /** Cuts the connection at once, whatever state it is in. */
  readonly destroy: () => void
}

/** Why it failed: what the client threw. */
export class DialFailed {
  readonly _tag = "DialFailed"
  readonly server: Server
  readonly cause: unknown
  constructor(server: Server, cause: unknown) {
    this.server = server
    this.cause = cause
  }
}

const told = (cause: unknown, options: Options): unknown =>
  cause instanceof errors.TimeoutError ? new Error(`no answer within ${options.connectTimeoutMillis} ms`) : cause

/** The client's longest possible interval: `Link` has pings of its own. */
const never = 2 ** 31 - 1

// The client reconnects no connection: a broken one is closed, and its buffers with it, so that nothing is sent twice.
const clientOptions = (server: Server, options: Options) => {
  const { password, token, user } = server.credentials ?? options.credentials
  const host = server.host.includes(":") ? `[${server.host}]` : server.host
  return {
    servers: [`${host}:${server.port}`],
    name: options.name,
    timeout: options.connectTimeoutMillis,
    reconnect: false,
    ignoreClusterUpdates: true,
    pingInterval: never,
    noAsyncTraces: true,
    ...(token === undefined ? {} : { token: Redacted.value(token) }),
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: Redacted.value(password) }),
    ...(server.tls ? { tls: tlsOptions(server) } : {})
  }
}

// An object makes the client refuse a server that offers no TLS, before it sends credentials. For an IP address it
// leaves the name to check empty, and Node would then accept a certificate for "localhost".
const tlsOptions = (server: Server): TlsOptions => isIP(server.host) === 0 ? {} : { host: server.host } as TlsOptions // one cast: it hands all of them to `tls.connect`

/**
 * Connects, or fails with what the client threw.
 *
 * The client forgets the socket of a try that fails in the middle (a host that takes connections and says nothing),
 * and has no way to give up one. So the sockets of this try are noted where Node makes them.
 */
export const dial = (server: Server, options: Options): Effect.Effect<Dialled, DialFailed> =>
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
    storage.run(true, () => connect(clientOptions(server, options))).then(
      (client) => {
        if (!over) return resume(Effect.succeed({ server, client, destroy }))
        destroy()
        return client.close()
      },
      (cause) => {
        destroy()
        resume(Effect.fail(new DialFailed(server, told(cause, options))))
      }
    ).catch(() => undefined).finally(() => {
      created.unsubscribe(onSocket)
      storage.disable()
    })
    return Effect.sync(destroy)
  })
