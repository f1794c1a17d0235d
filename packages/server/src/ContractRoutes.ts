/**
 * The contract as connect routes: every outcome of an RPC as a reply, or as a gRPC status.
 *
 * @since 0.1.0
 */
import { type DescMessage, type DescMethod, fromBinary, type MessageShape } from "@bufbuild/protobuf"
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect"
import {
  ConnectorService as Contract,
  type GetPayloadRequest,
  type ResponseStatus,
  type SetPayloadRequest
} from "@kps/idl"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Call, ConnectorService } from "./ConnectorService.ts"
import { type ContractError, InternalError } from "./ContractError.ts"
import * as ContractStatus from "./ContractStatus.ts"
import { codeOf, type Rpc } from "./ContractTable.ts"
import * as Replies from "./Replies.ts"
import * as Spans from "./Spans.ts"
import { reference } from "./StreamFault.ts"

/**
 * A call as the contract sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallContext {
  readonly requestHeader: Pick<Headers, "get">
  /** Aborted when nobody waits for the reply any more. */
  readonly signal: AbortSignal
  /** How long the caller still waits, in milliseconds; undefined: for ever. */
  readonly timeoutMs: () => number | undefined
}

/**
 * A method of the contract from bytes to bytes, for whoever speaks the protocol without connect.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnaryMethod {
  /** Throws where the bytes are no request of the method. What it gives is for `call`. */
  readonly call: (request: Uint8Array) => (context: CallContext) => Promise<ReadonlyArray<Uint8Array>>
}

/**
 * The contract, both ways to serve it. They answer the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface ContractRoutes {
  readonly routes: (router: ConnectRouter) => ConnectRouter
  /** By path. The parts of a reply are one after the other; each is used in other replies too. */
  readonly unary: ReadonlyMap<string, UnaryMethod>
}

/**
 * Makes the routes of a connector. Closing the scope interrupts the calls in flight.
 *
 * **Details**
 *
 * A call is interrupted when its caller cancels it or its deadline passes. A defect becomes INTERNAL with a reference;
 * what happened goes to the log under that reference. No request or reply is logged.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  service: ConnectorService,
  options: { readonly errors: "inBand" | "grpc" }
): Effect.fn.Return<ContractRoutes, never, Scope.Scope> {
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const calls = yield* FiberSet.make<unknown, unknown>()

  /** The one place where an effect becomes a promise. */
  const run = <A, E>(effect: Effect.Effect<A, E>, signal: AbortSignal): Promise<Exit.Exit<A, E>> => {
    const fiber: Fiber.Fiber<A, E> = fork(effect)
    FiberSet.addUnsafe(calls, fiber)
    const abort = () => fiber.interruptUnsafe()
    if (signal.aborted) abort()
    else signal.addEventListener("abort", abort, { once: true })
    return new Promise((resolve) =>
      fiber.addObserver((exit) => {
        signal.removeEventListener("abort", abort)
        resolve(exit)
      })
    )
  }

  const answer = <A, E extends ContractError, Reply>(
    rpc: Rpc,
    { requestHeader, signal }: CallContext,
    effect: Effect.Effect<A, E>,
    reply: (status: ResponseStatus, value: A | undefined) => Reply
  ): Promise<Reply> => {
    const told = effect.pipe(
      Effect.map((value) => reply(ContractStatus.ok, value)),
      Effect.tap(Spans.answered("OK")),
      Effect.catchCause((cause) => Effect.flatMap(toError(rpc, cause), refuse))
    )
    const refuse = (error: ContractError): Effect.Effect<Reply, ConnectError> =>
      Effect.andThen(
        Spans.answered(codeOf(error)),
        options.errors === "grpc"
          ? Effect.fail(ContractStatus.grpc(error))
          : Effect.succeed(reply(ContractStatus.inBand(error), undefined))
      )
    return run(Spans.call(rpc, requestHeader, told), signal).then((exit) => {
      if (Exit.isSuccess(exit)) return exit.value
      throw Result.getOrElse(Cause.findError(exit.cause), () => interrupted(signal))
    })
  }

  const getPayload = (request: GetPayloadRequest, context: CallContext) => service.getPayload(request, callOf(context))
  const setPayload = (request: SetPayloadRequest, context: CallContext) => service.setPayload(request, callOf(context))

  return {
    routes: (router) =>
      router.service(Contract, {
        getPayload: (request, context) =>
          answer("GetPayload", context, getPayload(request, context), (status, payloads = []) => ({
            status,
            payloads: [...payloads]
          })),
        setPayload: (request, context) =>
          answer("SetPayload", context, setPayload(request, context), (status) => ({ status })),
        getEvents: (request, context) =>
          answer("GetEvents", context, service.getEvents(request), (status, events = []) => ({
            status,
            eventPayloads: [...events]
          }))
      }),
    unary: new Map([
      unary(
        Contract.method.getPayload,
        (request) => (context) =>
          answer("GetPayload", context, getPayload(request, context), (status, payloads = []) => [
            Replies.status(status),
            Replies.payloads(payloads)
          ])
      ),
      unary(
        Contract.method.setPayload,
        (request) => (context) =>
          answer("SetPayload", context, setPayload(request, context), (status) => [Replies.status(status)])
      ),
      unary(
        Contract.method.getEvents,
        (request) => (context) =>
          answer("GetEvents", context, service.getEvents(request), (status, events = []) => [
            Replies.status(status),
            Replies.events(events)
          ])
      )
    ])
  }
})

const unary = <I extends DescMessage>(
  method: DescMethod & { readonly input: I },
  call: (request: MessageShape<I>) => ReturnType<UnaryMethod["call"]>
): readonly [string, UnaryMethod] => [
  `/${Contract.typeName}/${method.name}`,
  { call: (bytes) => call(fromBinary(method.input, bytes)) }
]

const callOf = (context: CallContext): Call => {
  const left = context.timeoutMs()
  return left === undefined ? {} : { patience: Duration.millis(Math.max(0, left)) }
}

/** The typed error, or what is told of a defect. An interruption stays one: nobody, or nothing, is left to answer. */
const toError = <E extends ContractError>(rpc: Rpc, cause: Cause.Cause<E>): Effect.Effect<ContractError> => {
  const error = Cause.findError(cause)
  if (Result.isSuccess(error)) return Effect.succeed(error.success)
  if (!Cause.hasDies(cause)) return Effect.interrupt
  return Effect.gen(function*() {
    const id = yield* reference
    yield* Effect.annotateLogs(Effect.logError("defect in a call", cause), { rpc, reference: id })
    return new InternalError({ reference: id })
  })
}

/** Why a call that was interrupted has no reply: the caller's doing, or the end of the server. */
const interrupted = (signal: AbortSignal): ConnectError =>
  signal.aborted && signal.reason instanceof ConnectError
    ? signal.reason
    : new ConnectError("the connector stopped", signal.aborted ? Code.Canceled : Code.Unavailable)
