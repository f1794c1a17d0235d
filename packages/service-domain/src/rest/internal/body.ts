/** The body of a request as JSON. */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as ApiError from "../ApiError.ts"
import * as failure from "./failure.ts"

/** A document of 16 MiB, in JSON that escapes much of it. */
const maxBytes = 33_554_432

const tooLarge = (got: string) => failure.tooLarge(`body of ${got} is over the limit of ${maxBytes} bytes`)

export const read = Effect.fnUntraced(function*(
  request: HttpServerRequest.HttpServerRequest
): Effect.fn.Return<unknown, ApiError.BadRequest | ApiError.TooLarge> {
  const length = Number(request.headers["content-length"] ?? 0)
  if (length > maxBytes) return yield* tooLarge(`${length} bytes`)
  const text = yield* request.text.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxBytes)),
    // one that says its length is read, unless the caller is gone
    Effect.mapError(() => tooLarge("unknown length"))
  )
  return yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: (cause) =>
      failure.badRequest(`expected a body in JSON: ${cause instanceof Error ? cause.message : String(cause)}`)
  })
})
