/**
 * C01 to C04: who is meant, what is asked for, what there is at first.
 *
 * @since 0.1.0
 */
import { PayloadKind } from "@kps/idl"
import * as Effect from "effect/Effect"
import type { Case } from "../Case.ts"
import { expect, same, show } from "../Outcome.ts"
import * as TestStream from "../TestStream.ts"

/** @since 0.1.0 */
export const cases: ReadonlyArray<Case> = [
  {
    id: "C01",
    title: "a wrong connector id on each of the three RPCs",
    expected: "INVALID_ARGUMENT that the caller can read, and nothing applied",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const { wire } = driver
      const stream = yield* driver.stream()
      for (const connectorId of [`${driver.subject.description.id}-other`, ""]) {
        const told = `of ${show(connectorId)}`
        for (const kind of [PayloadKind.STREAM, PayloadKind.CONFIG]) {
          yield* driver.refused(`GetPayload ${told}`, yield* wire.getPayload({ connectorId, kind }), "INVALID_ARGUMENT")
        }
        const payloads = [TestStream.payload(stream)]
        yield* driver.refused(
          `SetPayload ${told}`,
          yield* wire.setPayload({ connectorId, payloads }),
          "INVALID_ARGUMENT"
        )
        yield* driver.refused(`GetEvents ${told}`, yield* wire.getEvents({ connectorId }), "INVALID_ARGUMENT")
      }
      yield* driver.asksFor("streams after the SetPayload that was refused")
      return "INVALID_ARGUMENT from GetPayload, SetPayload and GetEvents, for another id and for an empty one"
    })
  },
  {
    id: "C02",
    title: "an unspecified and an unknown payload kind",
    expected: "INVALID_ARGUMENT",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      for (const kind of [PayloadKind.UNSPECIFIED, 99]) {
        yield* driver.refused(`GetPayload of kind ${kind}`, yield* driver.wire.getPayload({ kind }), "INVALID_ARGUMENT")
      }
      return "INVALID_ARGUMENT for kinds 0 and 99"
    })
  },
  {
    id: "C03",
    title: "the config before any was set",
    expected: "exactly one Config, with defaults",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const config = yield* driver.config
      const want = driver.subject.description.config.default
      if (want !== undefined) yield* same("the config", want, config)
      return `one Config ${show(config)}${want === undefined ? "; the description has no config.default" : ""}`
    })
  },
  {
    id: "C04",
    title: "the streams when there are none",
    expected: "OK, and none but those on offer",
    level: "core",
    door: "wire",
    requires: [],
    run: Effect.fnUntraced(function*(driver) {
      const list = yield* driver.list
      const wrong = list.filter(({ discovered, subscribed }) => subscribed || !discovered)
      yield* expect(wrong.length === 0, "no stream that nobody asked for", TestStream.text(wrong))
      return list.length === 0 ? "OK and an empty list" : `OK and ${list.length} streams on offer, none subscribed`
    })
  }
]
