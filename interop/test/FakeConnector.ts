/** A connector that does what its stream parameters say, for callers that are not ours. */
import { Connector, Delivery, Failure } from "@kps/connector"
import { Data, Effect, Schema, Stream } from "effect"
import * as Tally from "./Tally.ts"

const halt = (code: Failure.Code) => Failure.halt({ code, severity: "WARNING" })
/** Until a failed stream is tried again, give or take a fifth: longer than a test waits. */
export const retryDelay = "20 seconds"
const retry = (code: Failure.Code) => Failure.retry({ code, severity: "WARNING", backoff: { base: retryDelay } })

/** Every code that an author can give to an error, which is also the tag of the error here. */
export const failures = {
  INVALID_ARGUMENT: halt("INVALID_ARGUMENT"),
  NOT_FOUND: halt("NOT_FOUND"),
  PERMISSION_DENIED: halt("PERMISSION_DENIED"),
  UNAUTHENTICATED: halt("UNAUTHENTICATED"),
  RESOURCE_EXHAUSTED: retry("RESOURCE_EXHAUSTED"),
  FAILED_PRECONDITION: halt("FAILED_PRECONDITION"),
  UNAVAILABLE: retry("UNAVAILABLE"),
  DEADLINE_EXCEEDED: retry("DEADLINE_EXCEEDED"),
  DATA_LOSS: halt("DATA_LOSS"),
  INTERNAL: halt("INTERNAL")
} satisfies { readonly [C in Failure.Code]: Failure.Failure }

type Code = keyof typeof failures

/** The codes by name, in the order of the table. */
export const codes = Object.keys(failures).filter((code): code is Code => code in failures)

class Refused extends Data.Error<{ readonly _tag: Code; readonly message: string }> {}

/** What a bug of the author says: no caller may see it. */
export const bug = "a text that is nobody else's business"

/** The definition. */
export const FakeConnector = Connector.make("fake")({
  version: "1.0",
  description: "Does what the parameters of a stream say.",
  direction: "BIDIRECTIONAL",
  config: Schema.Struct({
    log_level: Schema.Literals(["info", "debug"]).pipe(
      Schema.withDecodingDefaultTypeKey(Effect.succeed("info" as const))
    )
  }),
  stream: Schema.Struct({
    subject: Schema.String.check(Schema.isMinLength(1)),
    /** Payloads of 16 bytes that an ingress stream publishes. */
    count: Schema.Int.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(0))),
    /** Fails to open, with this code. */
    refuse: Schema.optionalKey(Schema.Literals(codes)),
    /** Fails to open by a bug, or never opens. */
    opening: Schema.optionalKey(Schema.Literals(["bug", "hangs"]))
  }),
  failures
})

type Parameters = (typeof FakeConnector)["definition"]["stream"]["Type"]

const open = ({ opening, refuse }: Parameters) => {
  if (opening === "hangs") return Effect.never
  if (opening === "bug") return Effect.die(new Error(bug))
  return refuse === undefined ? Effect.void : Effect.fail(new Refused({ _tag: refuse, message: `refused: ${refuse}` }))
}

/** The implementation: what egress streams deliver is added to `delivered`. */
export const layer = (delivered: Tally.Tally) =>
  FakeConnector.toLayer(Effect.succeed({
    ingress: ({ parameters }: { readonly parameters: Parameters }) =>
      Effect.as(
        open(parameters),
        Delivery.lossy(Stream.concat(
          Stream.map(Stream.range(1, parameters.count), (number) => Tally.payload(number - 1, 16)),
          Stream.never
        ))
      ),
    egress: ({ parameters }: { readonly parameters: Parameters }) =>
      Effect.as(
        open(parameters),
        Delivery.sink({
          idempotent: false,
          deliver: (batch) =>
            Effect.sync(() => {
              for (const { payload } of batch) delivered.add(payload)
            })
        })
      )
  }))
