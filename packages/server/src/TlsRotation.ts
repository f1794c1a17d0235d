/**
 * Puts a new certificate in force without a restart, and says when one is needed.
 *
 * @since 0.1.0
 */
import { Events, StreamEvents } from "@kps/events"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Tls from "./Tls.ts"

/**
 * Looks at the files again and again, as long as the scope is open.
 *
 * **Details**
 *
 * Their content counts, not their times: a mounted Kubernetes secret changes by a link. What cannot be used is told when
 * it is found twice in a row. A certificate that is not valid now is refused as long as the one in
 * force is. `tlsCertificateExpires` stands when less than a tenth of the certificate's time is left, or 7 days if that is
 * less.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  options: Tls.Options,
  first: Tls.Loaded,
  renew: (loaded: Tls.Loaded) => Effect.Effect<void>
): Effect.fn.Return<void, never, Events.Events | Scope.Scope> {
  const events = yield* Events.Events
  let inForce = first
  let seen: string | undefined
  let told: string | undefined

  const refuse = Effect.fnUntraced(function*(problem: string) {
    if (seen !== problem) {
      // It may be one of two files that are written one after the other: the next look decides.
      seen = problem
      return
    }
    yield* events.raise(StreamEvents.tlsCertificateRefused, {
      metadata: StreamEvents.metadata({ errorMessage: problem })
    })
    if (told === problem) return
    told = problem
    yield* Effect.annotateLogs(Effect.logError("new TLS certificate refused, the old one stays in force"), { problem })
  })

  const accept = Effect.fnUntraced(function*(loaded: Tls.Loaded) {
    if (!Tls.same(loaded, inForce)) {
      yield* renew(loaded)
      inForce = loaded
      yield* Effect.annotateLogs(Effect.logInfo("new TLS certificate in force"), { validTo: iso(loaded.validTo) })
    }
    seen = told = undefined
    yield* events.clear(StreamEvents.tlsCertificateRefused)
  })

  const look = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const found = yield* Effect.result(Tls.load(options))
    if (Result.isFailure(found)) yield* refuse(found.failure.message)
    else {
      const problem = isValid(inForce, now) ? whyNotValid(found.success, now) : undefined
      yield* problem === undefined ? accept(found.success) : refuse(problem)
    }
    yield* warn(events, inForce, now)
  })

  yield* warn(events, inForce, yield* Clock.currentTimeMillis)
  yield* look.pipe(
    Effect.delay(Duration.fromInputUnsafe(options.reload ?? "10 seconds")),
    Effect.forever,
    Effect.forkScoped
  )
})

const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const whyNotValid = ({ validFrom, validTo }: Tls.Loaded, now: number): string | undefined =>
  now > validTo
    ? `the new certificate expired ${iso(validTo)}`
    : now < validFrom
    ? `the new certificate is not valid before ${iso(validFrom)}`
    : undefined

const isValid = (loaded: Tls.Loaded, now: number): boolean => whyNotValid(loaded, now) === undefined

const week = Duration.toMillis("7 days")

const warn = (
  events: Events.Events["Service"],
  { validFrom, validTo }: Tls.Loaded,
  now: number
): Effect.Effect<void> => {
  const left = validTo - now
  if (left > Math.min(week, (validTo - validFrom) / 10)) return events.clear(StreamEvents.tlsCertificateExpires)
  const metadata = StreamEvents.metadata({
    errorMessage: left > 0 ? `expires ${iso(validTo)}` : `expired ${iso(validTo)}`
  })
  return left > 0
    ? events.raise(StreamEvents.tlsCertificateExpires, { metadata })
    : events.raise(StreamEvents.tlsCertificateExpires, {
      metadata,
      message: "TLS certificate has expired",
      severity: "CRITICAL"
    })
}
