import { assert, describe, it } from "@effect/vitest"
import * as Occurrences from "../../src/reconciler/Occurrences.ts"

const source = { serviceDomain: "sd", project: "p", instance: "i" }

const alert = (more: Partial<Occurrences.Occurrence> = {}): Occurrences.Occurrence => ({
  type: "ALERT",
  name: "publishFailed",
  stream: "s",
  severity: "CRITICAL",
  state: "FAILED",
  message: "it failed",
  properties: {},
  ...more
})

const at = (millis: number) => new Date(millis).toISOString()

describe("Occurrences", () => {
  it("tells what is new with its path and time, and the same again not", () => {
    const first = Occurrences.news(new Map(), [alert({ atMillis: 5 }), alert({ stream: undefined })], source, 100)
    const again = Occurrences.news(first.seen, [alert({ atMillis: 5 }), alert({ stream: undefined })], source, 200)

    assert.deepStrictEqual(first.events.map(({ path, timestamp }) => [path, timestamp]), [
      ["/serviceDomain:sd/project:p/connectorInstance:i/connectorStream:s", at(5)],
      ["/serviceDomain:sd/project:p/connectorInstance:i", at(100)]
    ])
    assert.deepStrictEqual(again.events, [])
  })

  it("takes an alert that happened again for a new one, and a status that says the same not", () => {
    const status = { ...alert(), type: "STATUS" as const, severity: undefined, state: "HEALTHY" }
    const first = Occurrences.news(new Map(), [alert({ atMillis: 5 }), { ...status, atMillis: 5 }], source, 100)
    const again = Occurrences.news(first.seen, [alert({ atMillis: 6 }), { ...status, atMillis: 6 }], source, 200)
    const worse = Occurrences.news(again.seen, [{ ...status, state: "UNHEALTHY" }], source, 300)

    assert.deepStrictEqual(again.events.map(({ timestamp, type }) => [type, timestamp]), [["ALERT", at(6)]])
    assert.deepStrictEqual(worse.events.filter(({ type }) => type === "STATUS").map(({ state }) => state), [
      "UNHEALTHY"
    ])
  })

  it("says that an alert that is not told any more is over, once", () => {
    const first = Occurrences.news(new Map(), [alert()], source, 100)
    const gone = Occurrences.news(first.seen, [], source, 200)
    const after = Occurrences.news(gone.seen, [], source, 300)

    assert.deepStrictEqual(gone.events.map(({ severity, state, timestamp }) => [state, severity, timestamp]), [
      ["HEALTHY", "INFO", at(200)]
    ])
    assert.deepStrictEqual(after.events, [])
  })

  it("says nothing more of one that was told to be over", () => {
    const first = Occurrences.news(new Map(), [alert()], source, 100)
    const over = Occurrences.news(first.seen, [alert({ state: "HEALTHY", severity: "INFO" })], source, 200)
    const gone = Occurrences.news(over.seen, [], source, 300)

    assert.strictEqual(over.events.length, 1)
    assert.deepStrictEqual(gone.events, [])
  })

  it("goes on from what a history has", () => {
    const first = Occurrences.news(new Map(), [alert()], source, 100)
    const another = Occurrences.news(Occurrences.seenOf(first.events), [alert()], source, 200)

    assert.deepStrictEqual(another.events, [])
  })
})
