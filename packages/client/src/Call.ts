/**
 * One call of a method: its deadline, its cancellation, and what its failures mean.
 *
 * @since 0.1.0
 */
import { type CallOptions, Code, ConnectError } from "@connectrpc/connect"
import { ResponseCodes, type ResponseStatus } from "@kps/idl"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Answer from "./Answer.ts"
import {
  CertificateRefused,
  DeadlineExceeded,
  InvalidRequest,
  Rejected,
  type Rpc,
  StreamsFailed,
  Unreachable
} from "./ClientError.ts"
import * as Handshake from "./Handshake.ts"

/**
 * Which method is called where.
 *
 * @category models
 * @since 0.1.0
 */
export interface Call {
  readonly rpc: Rpc
  readonly endpoint: string
  /** Infinite: none. */
  readonly deadline: Duration.Duration
}

/**
 * Every method can fail with these.
 *
 * @category models
 * @since 0.1.0
 */
export type Failed = Unreachable | CertificateRefused | DeadlineExceeded | Rejected

/**
 * The error for any refusal.
 *
 * @category converting
 * @since 0.1.0
 */
export const rejected = ({ endpoint, rpc }: Call, answer: Answer.Answer): Rejected =>
  new Rejected({
    endpoint,
    rpc,
    code: answer.code,
    text: answer.text,
    details: answer.details,
    ...(answer.reason === undefined ? {} : { reason: answer.reason }),
    ...(answer.retryAfterMillis === undefined ? {} : { retryAfterMillis: answer.retryAfterMillis })
  })

/**
 * The error for a refusal by a method of the contract.
 *
 * @category converting
 * @since 0.1.0
 */
export const refused = (call: Call, answer: Answer.Answer): InvalidRequest | Rejected =>
  answer.code === "INVALID_ARGUMENT"
    ? new InvalidRequest({
      endpoint: call.endpoint,
      rpc: call.rpc,
      text: answer.text,
      violations: answer.violations,
      ...(answer.reason === undefined ? {} : { reason: answer.reason })
    })
    : rejected(call, answer)

/**
 * The error for a refusal by SetPayload, which may be about streams.
 *
 * @category converting
 * @since 0.1.0
 */
export const notApplied = (call: Call, answer: Answer.Answer): InvalidRequest | StreamsFailed | Rejected => {
  const { code, failures, text, violations } = answer
  // with a violation nothing was applied, so no stream was tried
  return violations.length === 0 && Arr.isReadonlyArrayNonEmpty(failures)
    ? new StreamsFailed({ endpoint: call.endpoint, rpc: call.rpc, code, text, failures })
    : refused(call, answer)
}

const systemCode = /^(E[A-Z0-9]+|ERR_(HTTP2|SSL|TLS)_[\w/]+)$/

const isNetwork = ({ cause, code }: ConnectError): boolean =>
  // this side cancels only what is interrupted, and for that nobody waits: the connection broke
  code === Code.Canceled || code === Code.Aborted || code === Code.Unavailable ||
  cause instanceof Error && "code" in cause && systemCode.test(String(cause.code))

// a host with several addresses fails with an error for each, and no text of its own
const textOf = ({ cause, rawMessage }: ConnectError): string =>
  Handshake.describe(cause) ??
    (rawMessage === "" && cause instanceof AggregateError ? cause.errors.map(String).join(", ") : rawMessage)

const thrown = <E>(call: Call, cause: unknown, refuse: (call: Call, answer: Answer.Answer) => E): E | Failed => {
  const { deadline, endpoint, rpc } = call
  const error = ConnectError.from(cause)
  if (error.code === Code.DeadlineExceeded && error.details.length === 0) {
    return new DeadlineExceeded({ endpoint, rpc, deadline })
  }
  // the one way to tell what the other side said from what happened on this side
  if (error.isWireError) return refuse(call, Answer.ofGrpc(error))
  const refusal = Handshake.refusal(error.cause)
  if (refusal !== undefined) return new CertificateRefused({ endpoint, rpc, ...refusal, cause: error })
  if (isNetwork(error)) return new Unreachable({ endpoint, rpc, text: textOf(error), cause: error })
  const code = ResponseCodes.fromGrpc(error.code)
  return new Rejected({
    endpoint,
    rpc,
    code: code === "OK" ? "UNKNOWN" : code,
    text: error.rawMessage,
    details: [],
    cause: error
  })
}

// gRPC writes a deadline in at most 8 digits: one of more than 27 hours becomes this one
const longestMillis = 99_999_999

const options = (deadline: Duration.Duration, signal: AbortSignal): CallOptions =>
  Duration.isFinite(deadline)
    ? { signal, timeoutMs: Math.min(longestMillis, Math.max(1, Math.ceil(Duration.toMillis(deadline)))) }
    : { signal }

/**
 * Runs a call. Interrupting it cancels it at the other side too.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A, E>(
  call: Call,
  send: (options: CallOptions) => Promise<A>,
  refuse: (call: Call, answer: Answer.Answer) => E
): Effect.Effect<A, E | Failed> =>
  Effect.tryPromise({
    try: (signal) => send(options(call.deadline, signal)),
    catch: (cause) => thrown(call, cause, refuse)
  })

/**
 * Runs a call of a method of the contract, whose reply may say that it failed.
 *
 * @category running
 * @since 0.1.0
 */
export const runChecked = <A extends { readonly status?: ResponseStatus | undefined }, E>(
  call: Call,
  send: (options: CallOptions) => Promise<A>,
  refuse: (call: Call, answer: Answer.Answer) => E
): Effect.Effect<A, E | Failed> =>
  Effect.flatMap(run(call, send, refuse), (reply) => {
    const answer = Answer.ofStatus(reply.status)
    return answer === undefined ? Effect.succeed(reply) : Effect.fail(refuse(call, answer))
  })

/**
 * The error for a stream of replies that broke.
 *
 * @category converting
 * @since 0.1.0
 */
export const broken = (call: Call) => (cause: unknown): Failed => thrown(call, cause, rejected)
