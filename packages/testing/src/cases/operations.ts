/**
 * Group O: operations and security.
 *
 * @since 0.1.0
 */
import { toJsonString } from "@bufbuild/protobuf"
import { ConnectorService, GetEventsResponseSchema, GetPayloadResponseSchema, PayloadKind } from "@kps/idl"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.ts"
import type { Driver } from "../Driver.ts"
import * as Flow from "../Flow.ts"
import { BedFailed, expect } from "../Outcome.ts"
import * as TestStream from "../TestStream.ts"

const services = ["", ConnectorService.typeName]

const healthIs = (driver: Driver, when: string, want: string, within = driver.subject.patience.within) =>
  Effect.forEach(services, (service) =>
    driver.eventually(
      `health of ${service === "" ? "the server" : service} ${when}: ${want}`,
      Effect.map(driver.wire.health(service), (got) => got === want ? undefined : got),
      within
    ), { discard: true })

/** The connector without its platform's broker, then with it, then told to stop. */
const lifetime = Effect.fnUntraced(function*(driver: Driver) {
  const { broker, patience, process } = driver.subject
  if (process === undefined || broker === undefined) return []
  yield* process.signal("SIGKILL")
  yield* process.exit
  yield* Effect.acquireRelease(broker.leave, () => broker.back)
  yield* process.launch
  yield* healthIs(driver, "before the platform's broker was reached", "NOT_SERVING", patience.start)
  yield* broker.back
  yield* healthIs(driver, "once the platform's broker was reached", "SERVING")
  const watched = yield* driver.wire.watchHealth
  yield* driver.eventually(
    "a Watch that says SERVING",
    Effect.sync(() => {
      const last = watched.texts().at(-1)
      return last === "SERVING" ? undefined : last ?? "nothing"
    })
  )
  yield* process.signal("SIGTERM")
  yield* driver.eventually(
    "a Watch that says NOT_SERVING after SIGTERM",
    Effect.sync(() => {
      const last = watched.texts().at(-1)
      return last === "NOT_SERVING" ? undefined : last ?? "nothing"
    })
  )
  // how it ends is for another case; the next one starts it anew
  yield* process.signal("SIGKILL")
  yield* process.exit
  return ["NOT_SERVING before the platform's broker was reached, SERVING then, NOT_SERVING once told to stop"]
})

const reflection = Effect.fnUntraced(function*(driver: Driver) {
  if (!driver.subject.description.reflection) return "reflection is off"
  const services = yield* driver.wire.reflected
  yield* expect(
    typeof services !== "string" && services.includes(ConnectorService.typeName),
    `reflection that lists ${ConnectorService.typeName}`,
    typeof services === "string" ? services : services.join(", ")
  )
  return "reflection shows the contract"
})

/** Fails when the canary is in a text. */
const clean = (driver: Driver, where: string, text: string, canary = driver.run.secret) => {
  const at = text.indexOf(canary)
  return expect(at < 0, `no canary in ${where}`, `…${text.slice(Math.max(0, at - 60), at + 60)}…`)
}

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "O52",
    title: "health and reflection",
    expected:
      "NOT_SERVING until the platform's broker was reached, then SERVING until told to stop; reflection shows the contract",
    level: "full",
    door: "wire",
    timeout: "60 seconds",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      yield* healthIs(driver, "of a connector that runs", "SERVING")
      const unknown = yield* driver.wire.health("no.such.Service")
      yield* expect(unknown.startsWith("gRPC NOT_FOUND"), "health of a service that is none: NOT_FOUND", unknown)
      const more = [yield* reflection(driver), ...(yield* lifetime(driver))]
      return ["SERVING for the server and the contract, NOT_FOUND for others", ...more].join("; ")
    })
  },
  {
    id: "O53",
    title: "counters",
    expected: "they equal what really happened",
    level: "full",
    door: "library",
    requires: ["feed", "observe", "counters"],
    run: Effect.fnUntraced(function*(driver) {
      const counters = driver.subject.probes?.counters
      if (counters === undefined) return yield* new BedFailed({ problem: "no counters" })
      const [ingress, egress] = [
        yield* driver.stream({ direction: "INGRESS" }),
        yield* driver.stream({ direction: "EGRESS" })
      ]
      yield* driver.start(ingress, egress)
      const counts = [[ingress, 137], [egress, 59]] as const
      for (const [stream, count] of counts) {
        const collected = yield* Flow.collect(driver, stream)
        yield* Flow.send(driver, stream, Flow.numbered(stream, 0, count))
        yield* Flow.all(driver, stream, collected, count)
      }
      yield* driver.subject.pipeline.inject(egress.channel, 7)
      const want = (stream: TestStream.TestStream, count: number) =>
        driver.eventually(
          `${stream.id}: ${count} received and handed on, ${stream === egress ? 7 : 0} malformed`,
          Effect.map(counters(stream.id), ({ handedOn, malformed, received }) =>
            received === count && handedOn === count && malformed === (stream === egress ? 7 : 0)
              ? undefined
              : `${received} received, ${handedOn} handed on, ${malformed} malformed`)
        )
      for (const [stream, count] of counts) yield* want(stream, count)
      return "137 payloads in, 59 out, 7 malformed frames, and the same in the counters"
    })
  },
  {
    id: "O54",
    title: "a secret, and what is in payloads",
    expected: "nowhere: logs, events, GetPayload, errors",
    level: "full",
    door: "wire",
    requires: ["canary"],
    run: Effect.fnUntraced(function*(driver) {
      const { description, probes, process } = driver.subject
      const looked: Array<string> = []
      const direction = driver.directionWith(({ secret }) => secret)
      const streams = [
        ...(direction === undefined ? [] : [yield* driver.stream({ direction, sample: "secret" })]),
        ...(yield* Effect.forEach(driver.directions, (direction) => driver.stream({ direction })))
      ]
      yield* driver.start(...streams)
      const { secret } = description.config
      if (secret !== undefined) {
        const config = yield* driver.render(secret, driver.run.nextName())
        yield* driver.ok("SetPayload of a config with a secret", yield* driver.setConfig(config))
      }
      // an error is where a value is shown most easily
      const wrong = streams.map((stream) => TestStream.payload(stream, { transportChannel: "a.*" }))
      const refused = yield* driver.wire.setPayload({ payloads: wrong })
      yield* clean(
        driver,
        "the errors of SetPayload",
        JSON.stringify([refused.message, refused.violations, refused.infos])
      )
      for (const kind of [PayloadKind.STREAM, PayloadKind.CONFIG]) {
        const reply = yield* driver.ok("GetPayload", yield* driver.wire.getPayload({ kind }))
        yield* clean(driver, "GetPayload", toJsonString(GetPayloadResponseSchema, reply))
      }
      const events = yield* driver.ok("GetEvents", yield* driver.wire.getEvents())
      yield* clean(driver, "GetEvents", toJsonString(GetEventsResponseSchema, events))
      if (direction !== undefined || secret !== undefined) looked.push("the secret in no answer, event or error")

      const canary = `canary-${driver.run.nextName()}`
      for (const stream of streams) {
        if (driver.hasData(stream.direction)) yield* Flow.send(driver, stream, [`${stream.name}:${canary}`])
      }
      yield* driver.quiet
      const logs = probes?.logs ?? process?.output
      if (logs !== undefined) {
        const text = yield* logs
        yield* clean(driver, "the logs", text)
        yield* clean(driver, "the logs, of what was in a payload", text, canary)
        looked.push(`neither it nor a payload in ${text.length} characters of logs`)
      }
      const told = yield* driver.ok("GetEvents", yield* driver.wire.getEvents())
      yield* clean(driver, "GetEvents, of what was in a payload", toJsonString(GetEventsResponseSchema, told), canary)
      if (direction === undefined && secret === undefined) looked.push("the description has no secret")
      return looked.join("; ")
    })
  }
]
