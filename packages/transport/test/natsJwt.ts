/** The trust of a nats-server in operator mode, made by hand: an operator, one account, users. */
import { nkeys } from "@nats-io/transport-node"

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64url")
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

type Keys = ReturnType<typeof nkeys.createUser>

const token = (issuer: Keys, subject: string, claims: object, more: object = {}): string => {
  const now = Math.floor(Date.now() / 1000)
  const payload = { jti: `${Math.random()}`, iat: now, iss: issuer.getPublicKey(), sub: subject, ...more, nats: claims }
  const text = `${base64(JSON.stringify({ typ: "JWT", alg: "ed25519-nkey" }))}.${base64(JSON.stringify(payload))}`
  return `${text}.${base64(issuer.sign(new TextEncoder().encode(text)))}`
}

const unlimited = { subs: -1, data: -1, payload: -1 }

export interface Trust {
  /** The server's configuration. */
  readonly config: string
  /** Text of a creds file for a new user, who may not publish to `denied`. */
  readonly creds: (options?: { readonly denied?: string; readonly expiresIn?: number }) => string
}

export const trust = (): Trust => {
  const [operator, account] = [nkeys.createOperator(), nkeys.createAccount()]
  const limits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
  const operatorToken = token(operator, operator.getPublicKey(), { type: "operator", version: 2 })
  const accountToken = token(operator, account.getPublicKey(), { type: "account", version: 2, limits })
  return {
    config: `operator: "${operatorToken}"
resolver: MEMORY
resolver_preload: { ${account.getPublicKey()}: "${accountToken}" }`,
    creds: ({ denied, expiresIn } = {}) => {
      const user = nkeys.createUser()
      const jwt = token(account, user.getPublicKey(), {
        type: "user",
        version: 2,
        ...unlimited,
        pub: denied === undefined ? {} : { deny: [denied] },
        sub: {}
      }, expiresIn === undefined ? {} : { exp: Math.floor(Date.now() / 1000) + expiresIn })
      // as `nsc` writes it
      return `-----BEGIN NATS USER JWT-----
${jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
${textOf(user.getSeed())}
------END USER NKEY SEED------

*************************************************************
`
    }
  }
}

/** An NKey of a user: what the server is told, and what the client has. */
export const nkey = (): { readonly user: string; readonly seed: string } => {
  const keys = nkeys.createUser()
  return { user: keys.getPublicKey(), seed: textOf(keys.getSeed()) }
}

export const accountSeed = (): string => textOf(nkeys.createAccount().getSeed())
