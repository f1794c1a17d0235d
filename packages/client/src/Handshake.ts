/**
 * What a failure of TLS means: a certificate that one side does not accept, or no TLS to speak of.
 *
 * @since 0.1.0
 */

/**
 * Whose certificate was refused, and why.
 *
 * @category models
 * @since 0.1.0
 */
export interface Refusal {
  /** The connector's, by this side; or this side's, or its absence, by the connector. */
  readonly whose: "connector" | "client"
  readonly text: string
}

/**
 * The connection was closed after the handshake, before a word of HTTP/2: so do servers (Node's are among them) that
 * look at the client's certificate only then.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClosedAfterHandshake extends Error {
  override readonly name = "ClosedAfterHandshake"
  /** Whether this side has shown a certificate. */
  readonly shown: boolean
  constructor(shown: boolean) {
    super("the connection was closed right after the TLS handshake")
    this.shown = shown
  }
}

const unknownHere = "it is of an authority that is not trusted here"
const tooLong = "too many authorities lead to it"

/** Node's codes for what this side finds wrong with the connector's certificate. */
const ours: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownHere,
  SELF_SIGNED_CERT_IN_CHAIN: unknownHere,
  UNABLE_TO_GET_ISSUER_CERT: unknownHere,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownHere,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownHere,
  CERT_UNTRUSTED: unknownHere,
  CERT_REJECTED: unknownHere,
  CERT_SIGNATURE_FAILURE: "its signature is wrong",
  CERT_REVOKED: "it was revoked",
  CERT_CHAIN_TOO_LONG: tooLong,
  PATH_LENGTH_EXCEEDED: tooLong,
  INVALID_CA: "what signed it is no authority",
  INVALID_PURPOSE: "it is not for a server",
  HOSTNAME_MISMATCH: "it is for another name"
}

/** The alerts of TLS that are about this side's certificate, by OpenSSL's names. */
const alert = /^ERR_SSL_[\w/]+_ALERT_(UNKNOWN_CA|ACCESS_DENIED|\w*CERTIFICATE\w*)$/

const theirs: Readonly<Record<string, string>> = {
  UNKNOWN_CA: "it is of an authority that is not trusted there",
  CERTIFICATE_REQUIRED: "none was shown, and it wants one",
  CERTIFICATE_EXPIRED: "it has expired",
  CERTIFICATE_REVOKED: "it was revoked"
}

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

/**
 * The certificate that is behind an error of the network, if one is.
 *
 * @category converting
 * @since 0.1.0
 */
export const refusal = (cause: unknown): Refusal | undefined => {
  if (cause instanceof ClosedAfterHandshake) {
    return { whose: "client", text: `${cause.message}, ${cause.shown ? "where it was shown" : "and none was shown"}` }
  }
  const code = codeOf(cause)
  if (code === undefined) return undefined
  // Node says which names it is for.
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" && cause instanceof Error) {
    return { whose: "connector", text: cause.message }
  }
  const text = Object.hasOwn(ours, code) ? ours[code] : undefined
  if (text !== undefined) return { whose: "connector", text }
  const name = alert.exec(code)?.[1]
  return name === undefined
    ? undefined
    : { whose: "client", text: theirs[name] ?? name.toLowerCase().replaceAll("_", " ") }
}

const noTls = "what answers there does not speak TLS"

const failures: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: noTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: noTls,
  "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE":
    "the TLS handshake failed: no cipher in common, or the connector wants a client certificate"
}

/**
 * A failure of the handshake in plain words; nothing for what is none.
 *
 * @category formatting
 * @since 0.1.0
 */
export const describe = (cause: unknown): string | undefined => {
  const code = codeOf(cause)
  if (code?.startsWith("ERR_SSL_") !== true) return undefined
  const reason = cause instanceof Error && "reason" in cause ? String(cause.reason) : code
  return failures[code] ?? `the TLS handshake failed: ${reason}`
}
