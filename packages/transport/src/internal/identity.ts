/** Credentials and TLS: checked when they are given, read when they are used. */
import { jwtAuthenticator, nkeyAuthenticator, nkeys, type NodeConnectionOptions } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFile } from "node:fs/promises"
import { isIP } from "node:net"
import { createSecureContext } from "node:tls"
import type { Credentials, File, Secret, Tls } from "../NatsSecurity.ts"
import { CredentialsUnreadable, InvalidOption, TransportError } from "../TransportError.ts"
import type { Server } from "./servers.ts"

export interface Identity {
  readonly credentials: Credentials
  readonly tls: Tls | undefined
}

/** What of a server matters here. */
type Addressed = Pick<Server, "host" | "tls" | "credentials">

type Source = string | Secret

/** One option as it is now; where it is not from a file it was checked already. */
interface Part {
  readonly option: string
  readonly file: string | undefined
  readonly text: string
}

const isFile = (source: Source): source is File => typeof source === "object" && !Redacted.isRedacted(source)

const sources = ({ credentials, tls }: Identity): ReadonlyArray<readonly [string, Source]> =>
  ([
    ["token", credentials.token],
    ["password", credentials.password],
    ["nkeySeed", credentials.nkeySeed],
    ["creds", credentials.creds],
    ["tls.ca", tls?.ca],
    ["tls.cert", tls?.cert],
    ["tls.key", tls?.key]
  ] as const).flatMap(([option, source]) => source === undefined ? [] : [[option, source]])

/** Fails for what contradicts itself, and for what is malformed and in no file. */
export const check = Effect.fnUntraced(function*(identity: Identity): Effect.fn.Return<void, TransportError> {
  const { credentials, tls } = identity
  const ways = (["token", "user", "nkeySeed", "creds"] as const).filter((way) => credentials[way] !== undefined)
  const problem = ways.length > 1
    ? [ways[0]!, `it is given together with "${ways[1]}": give one of them`] as const
    : credentials.password !== undefined && credentials.user === undefined
    ? ["password", "it is given without a user"] as const
    : tls?.cert !== undefined && tls.key === undefined
    ? ["tls.cert", "it is given without its key"] as const
    : tls?.key !== undefined && tls.cert === undefined
    ? ["tls.key", "it is given without its certificate"] as const
    : sources(identity).flatMap(([option, source]) => {
      const problem = isFile(source)
        ? source.file === "" ? "the name of its file is empty" : undefined
        : problemOf(option, textOf(source))
      return problem === undefined ? [] : [[option, problem] as const]
    })[0]
  if (problem !== undefined) {
    return yield* new TransportError({ reason: new InvalidOption({ option: problem[0], problem: problem[1] }) })
  }
})

/** Whether credentials are given. */
export const hasCredentials = ({ nkeySeed, creds, token, user }: Credentials): boolean =>
  [nkeySeed, creds, token, user].some((way) => way !== undefined)

/** What the client is told for one connection to the server, from the files as they are now. */
export const clientOptions = Effect.fnUntraced(function*(
  server: Addressed,
  identity: Identity
): Effect.fn.Return<NodeConnectionOptions, CredentialsUnreadable> {
  const own = { tls: identity.tls, credentials: server.credentials ?? identity.credentials }
  const parts = new Map<string, Part>()
  for (const [option, source] of sources(own)) parts.set(option, yield* read(option, source))
  const text = (option: string) => parts.get(option)?.text
  return {
    ...shown(own.credentials.user, text),
    ...(server.tls || own.tls !== undefined ? { tls: yield* tlsOptions(server, parts) } : {})
  }
})

const read = Effect.fnUntraced(
  function*(option: string, source: Source): Effect.fn.Return<Part, CredentialsUnreadable> {
    if (!isFile(source)) return { option, file: undefined, text: textOf(source) }
    const { file } = source
    const text = yield* Effect.tryPromise({
      try: () => readFile(file, "utf8"),
      catch: (cause) => new CredentialsUnreadable({ option, file, problem: codeOf(cause) })
    })
    const trimmed = text.replace(/\r?\n$/, "")
    const problem = problemOf(option, trimmed)
    if (problem !== undefined) return yield* new CredentialsUnreadable({ option, file, problem })
    return { option, file, text: trimmed }
  }
)

const textOf = (source: string | Redacted.Redacted): string =>
  typeof source === "string" ? source : Redacted.value(source)

/** Why the text is none of what the option wants; never the text. */
const problemOf = (option: string, text: string): string | undefined =>
  text === ""
    ? "it is empty"
    : option === "nkeySeed"
    ? seedProblem(text)
    : option === "creds"
    ? credsProblem(text)
    : option.startsWith("tls.") && !/-----BEGIN [A-Z0-9 ]+-----/.test(text)
    ? "it holds nothing in PEM"
    : undefined

const seedProblem = (seed: string): string | undefined => {
  try {
    return nkeys.fromSeed(new TextEncoder().encode(seed)).getPublicKey().startsWith("U")
      ? undefined
      : "it is an NKey seed, and not that of a user"
  } catch {
    return "it is no NKey seed"
  }
}

const credsParts = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/-{3,}BEGIN [^\n]*-{3,}\r?\n\s*([^\s-]\S*)\s*\r?\n-{3,}END [^\n]*-{3,}/g)].map(([, part]) => part!)

const credsProblem = (text: string): string | undefined => {
  const [jwt, seed] = credsParts(text)
  return jwt === undefined || seed === undefined ? "it does not hold a JWT and a seed" : seedProblem(seed)
}

const shown = (user: string | undefined, text: (option: string) => string | undefined): NodeConnectionOptions => {
  const { creds, nkeySeed, password, token } = {
    creds: text("creds"),
    nkeySeed: text("nkeySeed"),
    password: text("password"),
    token: text("token")
  }
  const bytes = (seed: string) => new TextEncoder().encode(seed)
  if (creds !== undefined) {
    const [jwt, seed] = credsParts(creds)
    return { authenticator: jwtAuthenticator(jwt!, bytes(seed!)) } // both were checked
  }
  if (nkeySeed !== undefined) return { authenticator: nkeyAuthenticator(bytes(nkeySeed)) }
  if (token !== undefined) return { token }
  return { ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { pass: password }) }
}

// An object makes the client refuse a server that offers no TLS, before it sends credentials. For an IP address it
// leaves the name to check empty, and Node would then accept a certificate for "localhost".
const tlsOptions = Effect.fnUntraced(function*(
  server: Addressed,
  parts: ReadonlyMap<string, Part>
): Effect.fn.Return<NonNullable<NodeConnectionOptions["tls"]>, CredentialsUnreadable> {
  const given = ["ca", "cert", "key"].flatMap((name) => {
    const part = parts.get(`tls.${name}`)
    return part === undefined ? [] : [[name, part] as const]
  })
  const pem = Object.fromEntries(given.map(([name, { text }]) => [name, text]))
  // a key that does not fit its certificate, or one that is encrypted: the client would say so much less clearly
  yield* Effect.try({
    try: () => createSecureContext(pem),
    catch: (cause) => {
      const { file, option } = (given.find(([name]) => name === "key") ?? given[0]!)[1] // none given is never refused
      return new CredentialsUnreadable({ option, file, problem: codeOf(cause) })
    }
  })
  // one cast: the client hands all of them to `tls.connect`
  return { ...pem, minVersion: "TLSv1.2", ...(isIP(server.host) === 0 ? {} : { host: server.host }) } as object
})

/** Of an error of Node's or OpenSSL's: its code says enough, and never quotes a file. */
const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "it cannot be read"
