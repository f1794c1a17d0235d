/**
 * Pages of documents: filtered, ordered, and counted.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Kind, Values } from "../documents/Kind.ts"
import { BadRequest, codes } from "./ApiError.ts"
import * as Filter from "./Filter.ts"

/**
 * How a list is asked for: `Api.ListQuery`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Query {
  readonly pageIndex?: number
  readonly pageSize?: number
  readonly orderBy?: ReadonlyArray<string>
  readonly filter?: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Page<A> {
  readonly pageIndex: number
  readonly pageSize: number
  readonly totalCount: number
  readonly orderBy?: string
  readonly orderByKeys: ReadonlyArray<string>
  readonly result: ReadonlyArray<A>
}

const common = ["id", "name", "description", "version", "createdAt", "updatedAt"]

/**
 * The keys that lists of each kind are filtered and ordered by.
 *
 * @category models
 * @since 0.1.0
 */
export const keys: { readonly [K in Kind]: ReadonlyArray<string> } = {
  category: [...common, "purpose"],
  connectorClass: [...common, "connectorVersion", "minSvcDomainVersion", "type"],
  connectorConfig: [...common, "connectorInstanceID"],
  connectorInstance: [...common, "connectorClassID", "projectId"],
  connectorStream: [...common, "connectorInstanceID", "direction"],
  dataPipeline: [...common, "projectId", "dataType", "origin", "originId", "destination", "edgeStreamType", "endPoint"],
  function: [...common, "projectId", "type", "language", "environment", "runtimeId", "runtimeTag"],
  project: [...common, "edgeSelectorType", "privileged"],
  serviceDomain: [...common, "virtualIp"]
}

const refuse = (message: string) =>
  Effect.fail(new BadRequest({ statusCode: 400, errorCode: codes.badRequest, message }))

const valueOf = (document: object, key: string): Filter.Value | undefined => {
  const value = Object.entries(document).find(([name]) => name === key)?.[1]
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : undefined
}

interface Order {
  readonly key: string
  readonly isDescending: boolean
}

const orderOf = (text: string, known: ReadonlyArray<string>): Result.Result<Order, string> => {
  const [key = "", direction = "asc", ...others] = text.trim().split(/\s+/)
  if (!known.includes(key)) return Result.fail(`expected a key (${known.join(", ")}), got ${JSON.stringify(key)}`)
  if (others.length > 0 || !/^(?:asc|desc)$/i.test(direction)) {
    return Result.fail(`expected "${key}" or "${key} desc", got ${JSON.stringify(text)}`)
  }
  return Result.succeed({ key, isDescending: /^desc$/i.test(direction) })
}

const compare = (a: Filter.Value | undefined, b: Filter.Value | undefined): number => {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * The part of a list that is asked for. Documents stay in their order where `orderBy` says nothing else. Fails with
 * `BadRequest` for a filter or an order that cannot be read.
 *
 * @category operations
 * @since 0.1.0
 */
export const page = Effect.fnUntraced(function*<K extends Kind>(
  kind: K,
  documents: ReadonlyArray<Values[K]>,
  query: Query
): Effect.fn.Return<Page<Values[K]>, BadRequest> {
  const { filter = "", orderBy = [], pageIndex = 0, pageSize = 100 } = query
  const orderByKeys = keys[kind]
  const wanted = filter.trim() === "" ? Result.succeed<Filter.Filter>(() => true) : Filter.parse(filter, orderByKeys)
  if (Result.isFailure(wanted)) return yield* refuse(`filter: ${wanted.failure}`)
  const orders = Result.all(orderBy.flatMap((text) => text.split(",")).map((text) => orderOf(text, orderByKeys)))
  if (Result.isFailure(orders)) return yield* refuse(`orderBy: ${orders.failure}`)
  const found = documents.filter((document) => wanted.success((key) => valueOf(document, key)))
  const ordered = orders.success.length === 0 ? found : found.toSorted((a, b) => {
    for (const { isDescending, key } of orders.success) {
      const sign = compare(valueOf(a, key), valueOf(b, key))
      if (sign !== 0) return isDescending ? -sign : sign
    }
    return 0
  })
  return {
    pageIndex,
    pageSize,
    totalCount: ordered.length,
    ...(orderBy.length === 0 ? {} : { orderBy: orderBy.join(",") }),
    orderByKeys,
    result: ordered.slice(pageIndex * pageSize, (pageIndex + 1) * pageSize)
  }
})
