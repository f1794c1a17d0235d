/** Server addresses, checked before the client sees them: it takes nearly anything, and ignores user info. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { isIPv4, isIPv6 } from "node:net"
import type { Credentials } from "../NatsSecurity.ts"
import { InvalidServer, TransportError } from "../TransportError.ts"

export interface Server {
  /** For people: `host:port`, or `tls://host:port`; never with user info. */
  readonly name: string
  /** Without brackets. */
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** From the user info of the address. */
  readonly credentials: Credentials | undefined
}

const defaultPort = 4222
const want = "want nats://host:port or tls://host:port"

/** Every server, or the first problem. `others` says that credentials were given apart from the addresses. */
export const parse = (
  servers: ReadonlyArray<string>,
  others: boolean
): Result.Result<ReadonlyArray<Server>, TransportError> => {
  const secret = servers.some((server) => server.includes("@"))
  const parsed: Array<Server> = []
  for (const text of servers) {
    const server = parseOne(text.trim())
    const problem = typeof server === "string"
      ? server
      : server.credentials !== undefined && others
      ? "it has user info, and credentials are given apart from it: give them once"
      : undefined
    if (problem !== undefined) return refuse(shown(text.trim(), secret), problem)
    parsed.push(server as Server) // a text is a problem, and was returned
  }
  return parsed.length === 0 ? refuse("", "no server is given") : Result.succeed(parsed)
}

const refuse = (server: string, problem: string) =>
  Result.fail(new TransportError({ reason: new InvalidServer({ server, problem }) }))

/** The address without what may be a secret; also for the halves of one that was cut at a comma in a password. */
const shown = (text: string, secret: boolean): string => {
  const scheme = /^[a-z][a-z0-9+.-]*:\/+/i.exec(text)?.[0] ?? ""
  const at = text.lastIndexOf("@")
  if (at >= 0) return `${scheme}***${text.slice(at)}`
  return secret && text.slice(scheme.length).includes(":")
    ? `${scheme}${text.slice(scheme.length).split(":")[0]}:***`
    : text
}

const parseOne = (text: string): Server | string => {
  if (text === "") return "it is empty"
  if (/[\s\p{Cc}]/u.test(text)) return "it contains white space or a control character"
  const [, scheme = "nats", rest = text] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text) ?? []
  const tls = scheme.toLowerCase() === "tls"
  if (!tls && scheme.toLowerCase() !== "nats") return `its scheme is "${scheme}", ${want}`
  const bare = rest.replace(/\/$/, "")
  if (/[/\\?#]/.test(bare)) return `it has a path, or its scheme is misspelt, ${want}`
  const at = bare.lastIndexOf("@")
  const credentials = at < 0 ? undefined : userInfo(bare.slice(0, at))
  if (typeof credentials === "string") return credentials
  const address = bare.slice(at + 1)
  if (/^[^[].*:.*:/.test(address) || address.startsWith("::")) return "an IPv6 address has to be in brackets"
  if (/[*>]/.test(address)) return "it contains a wildcard"
  const [, v6, name, colon, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?:(:)(.*))?$/.exec(address) ?? []
  const host = v6 ?? name ?? ""
  const problem = hostProblem(host, v6 !== undefined) ?? (colon === undefined ? undefined : portProblem(digits ?? ""))
  if (problem !== undefined) return problem
  const port = colon === undefined ? defaultPort : Number(digits)
  return { name: displayed(host, port, tls), host, port, tls, credentials }
}

const displayed = (host: string, port: number, tls: boolean): string =>
  `${tls ? "tls://" : ""}${isIPv6(host) ? `[${host}]` : host}:${port}`

const hostProblem = (host: string, bracketed: boolean): string | undefined => {
  if (bracketed) return isIPv6(host) ? undefined : "what is in brackets is no IPv6 address"
  if (host === "") return `it has no host, ${want}`
  if (/^[\d.]+$/.test(host)) return isIPv4(host) ? undefined : `"${host}" is no IPv4 address`
  const labels = host.replace(/\.$/, "").split(".")
  return host.length <= 253 && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label))
    ? undefined
    : `its host is no host name`
}

const portProblem = (digits: string): string | undefined =>
  /^\d{1,5}$/.test(digits) && Number(digits) >= 1 && Number(digits) <= 65_535
    ? undefined
    : "its port is not a number from 1 to 65535"

/** `user:password`, or a token alone, as other NATS clients read it. */
const userInfo = (text: string): Credentials | string => {
  const colon = text.indexOf(":")
  try {
    if (text === "" || colon === 0) return "its user info has no user"
    if (colon < 0) return { token: Redacted.make(decodeURIComponent(text), { label: "token" }) }
    return {
      user: decodeURIComponent(text.slice(0, colon)),
      password: Redacted.make(decodeURIComponent(text.slice(colon + 1)), { label: "password" })
    }
  } catch {
    return "its user info is not percent-encoded correctly"
  }
}

/** A server that another one told about: same protection, same credentials. */
export const gossiped = (address: string, by: Server): Server | undefined => {
  const server = parseOne(address)
  return typeof server === "string"
    ? undefined
    : { ...server, tls: by.tls, credentials: by.credentials, name: displayed(server.host, server.port, by.tls) }
}
