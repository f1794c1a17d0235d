/**
 * How a connection to NATS is protected, and who it is made for.
 *
 * A secret is given as it is, redacted, or as a file. Files are read anew for each connection, so that what is rotated is
 * in force from the next one; one that cannot be used is told by the status, as `CredentialsUnreadable`, and read again
 * with the next try.
 *
 * @since 0.1.0
 */
import type { NodeConnectionOptions } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as identity from "./internal/identity.ts"
import { TransportError } from "./TransportError.ts"

/**
 * A file, such as one key of a mounted Kubernetes secret. A line end after a token, a password or a seed does not count.
 *
 * @category models
 * @since 0.1.0
 */
export interface File {
  /** Path of the file. */
  readonly file: string
}

/**
 * A secret as it is, or the file that holds it.
 *
 * @category models
 * @since 0.1.0
 */
export type Secret = Redacted.Redacted | File

/**
 * Who a client says it is: by a token, a user, an NKey or a creds file, or by none; one of them at most.
 *
 * @category models
 * @since 0.1.0
 */
export interface Credentials {
  /** Token. Default: none. */
  readonly token?: Secret | undefined
  /** User; its password is in `password`. Default: none. */
  readonly user?: string | undefined
  /** Password of `user`. Default: none. */
  readonly password?: Secret | undefined
  /** Seed of a user's NKey (`SU…`). It signs what the server asks, and is not sent. Default: none. */
  readonly nkeySeed?: Secret | undefined
  /** What a creds file holds: a user's JWT, which is sent, and its seed, which is not. Default: none. */
  readonly creds?: Secret | undefined
}

/**
 * Protection by TLS 1.2 or later: the server's name and its authority are always checked.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tls {
  /** Authorities that are trusted instead of Node's, in PEM. Default: Node's, with those of `NODE_EXTRA_CA_CERTS`. */
  readonly ca?: string | File | undefined
  /** Certificate of this client, and what leads to its authority, in PEM; goes with `key`. Default: none. */
  readonly cert?: string | File | undefined
  /** Private key of `cert`, in PEM, not encrypted. Default: none. */
  readonly key?: Secret | undefined
}

/**
 * What the client is to be told for one connection: for connectors that connect to brokers of their own.
 *
 * **Details**
 *
 * Reads the files as they are now. Fails with `InvalidOption` for what contradicts itself, and with
 * `CredentialsUnreadable` for what is in a file. With `requireTls`, or with `tls`, the client refuses a server without TLS
 * before it sends anything. The result holds the secrets: it is for `connect` alone.
 *
 * @category constructors
 * @since 0.1.0
 */
export const clientOptions = Effect.fnUntraced(function*(options: {
  /** Name or address of the server, without brackets: what its certificate has to be for. */
  readonly host: string
  readonly requireTls: boolean
  readonly credentials: Credentials
  readonly tls?: Tls | undefined
}): Effect.fn.Return<NodeConnectionOptions, TransportError> {
  const { credentials, host, requireTls, tls } = options
  yield* identity.check({ credentials, tls })
  return yield* identity.clientOptions({ host, tls: requireTls, credentials: undefined }, { credentials, tls }).pipe(
    Effect.mapError((reason) => new TransportError({ reason }))
  )
})
