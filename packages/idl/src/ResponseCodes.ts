/**
 * The contract's response codes by name, and what each is called in gRPC and in HTTP.
 *
 * The numbers of the contract are not those of gRPC (`UNAUTHENTICATED` is 9 here and 16 there): go by name, never by
 * number.
 *
 * @since 0.1.0
 */
import { ResponseCode } from "./gen/connector/v1/connector_pb.ts"

/**
 * A response code by its name in the contract, without the prefix. gRPC has the same names.
 *
 * @category models
 * @since 0.1.0
 */
export type Name =
  | "OK"
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "UNAUTHENTICATED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"

/**
 * What a response code is called elsewhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface Equivalents {
  /** The contract's own number. */
  readonly code: ResponseCode
  /** Number of the gRPC status of the same name. */
  readonly grpc: number
  /** HTTP status. Several codes share one, so there is no way back. */
  readonly http: number
}

/**
 * Every response code with what it is called elsewhere, in the order of the contract.
 *
 * @category constants
 * @since 0.1.0
 */
export const table = {
  OK: { code: ResponseCode.OK, grpc: 0, http: 200 },
  CANCELLED: { code: ResponseCode.CANCELLED, grpc: 1, http: 499 },
  UNKNOWN: { code: ResponseCode.UNKNOWN, grpc: 2, http: 500 },
  INVALID_ARGUMENT: { code: ResponseCode.INVALID_ARGUMENT, grpc: 3, http: 400 },
  DEADLINE_EXCEEDED: { code: ResponseCode.DEADLINE_EXCEEDED, grpc: 4, http: 504 },
  NOT_FOUND: { code: ResponseCode.NOT_FOUND, grpc: 5, http: 404 },
  ALREADY_EXISTS: { code: ResponseCode.ALREADY_EXISTS, grpc: 6, http: 409 },
  PERMISSION_DENIED: { code: ResponseCode.PERMISSION_DENIED, grpc: 7, http: 403 },
  UNAUTHENTICATED: { code: ResponseCode.UNAUTHENTICATED, grpc: 16, http: 401 },
  RESOURCE_EXHAUSTED: { code: ResponseCode.RESOURCE_EXHAUSTED, grpc: 8, http: 429 },
  FAILED_PRECONDITION: { code: ResponseCode.FAILED_PRECONDITION, grpc: 9, http: 400 },
  ABORTED: { code: ResponseCode.ABORTED, grpc: 10, http: 409 },
  OUT_OF_RANGE: { code: ResponseCode.OUT_OF_RANGE, grpc: 11, http: 400 },
  UNIMPLEMENTED: { code: ResponseCode.UNIMPLEMENTED, grpc: 12, http: 501 },
  INTERNAL: { code: ResponseCode.INTERNAL, grpc: 13, http: 500 },
  UNAVAILABLE: { code: ResponseCode.UNAVAILABLE, grpc: 14, http: 503 },
  DATA_LOSS: { code: ResponseCode.DATA_LOSS, grpc: 15, http: 500 }
} as const satisfies Record<Name, Equivalents>

/**
 * Every name, in the order of the contract.
 *
 * @category constants
 * @since 0.1.0
 */
// `Object.keys` knows only of strings; the table has exactly these
export const names = Object.keys(table) as ReadonlyArray<Name>

const byCode: ReadonlyMap<number, Name> = new Map(names.map((name) => [table[name].code, name]))
const byGrpc: ReadonlyMap<number, Name> = new Map(names.map((name) => [table[name].grpc, name]))

/**
 * Whether the text is the name of a response code.
 *
 * @category guards
 * @since 0.1.0
 */
export const isName = (input: string): input is Name => Object.hasOwn(table, input)

/**
 * The contract's number for a name.
 *
 * @category converting
 * @since 0.1.0
 */
export const toCode = (name: Name): ResponseCode => table[name].code

/**
 * The name of a contract's number. `UNSPECIFIED` and every number that this version does not know are `UNKNOWN`.
 *
 * @category converting
 * @since 0.1.0
 */
export const fromCode = (code: number): Name => byCode.get(code) ?? "UNKNOWN"

/**
 * The number of the gRPC status of this name.
 *
 * @category converting
 * @since 0.1.0
 */
export const toGrpc = (name: Name): number => table[name].grpc

/**
 * The name of a gRPC status. A number that gRPC does not have is `UNKNOWN`, as gRPC itself asks for.
 *
 * @category converting
 * @since 0.1.0
 */
export const fromGrpc = (status: number): Name => byGrpc.get(status) ?? "UNKNOWN"

/**
 * The HTTP status for a name.
 *
 * @category converting
 * @since 0.1.0
 */
export const toHttp = (name: Name): number => table[name].http
