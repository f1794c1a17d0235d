import { assert, describe, it } from "@effect/vitest"
import { Latency } from "../src/Latency.ts"
import type { Counts } from "../src/Ledger.ts"
import * as Report from "../src/Report.ts"
import { Traffic } from "../src/Traffic.ts"

const counts = (some: Partial<Counts>): Counts => ({
  sent: 0,
  delivered: 0,
  lost: 0,
  inFlight: 0,
  duplicated: 0,
  late: 0,
  outOfOrder: 0,
  unknown: 0,
  ...some
})

const snapshot = (some: Partial<Report.Snapshot>): Report.Snapshot => ({
  atMicros: 0,
  counts: counts({}),
  latency: new Latency(),
  brokers: [],
  streams: [],
  alerts: [],
  ...some
})

const alert = (name: string, streamId: string): Report.AlertView => ({
  name,
  streamId,
  severity: "CRITICAL",
  message: "cannot connect",
  sinceMicros: 0
})

describe("Report", () => {
  it("shows rates since the line before, totals, latency, brokers, streams and alerts on one line", () => {
    const latency = new Latency()
    for (const micros of [1_000, 1_000, 1_000, 20_000]) latency.record(micros)
    const line = Report.statusLine(
      snapshot({ atMicros: 2_000_000, counts: counts({ sent: 100, delivered: 90 }) }),
      snapshot({
        atMicros: 4_000_000,
        counts: counts({ sent: 300, delivered: 280, lost: 1, inFlight: 19, duplicated: 2 }),
        latency,
        brokers: [{ name: "platform", up: true }, { name: "outside", up: false }],
        streams: [
          { id: "in", running: true, status: "streamHealthy" },
          { id: "out", running: false, status: "streamUnhealthy" },
          { id: "other", running: undefined, status: undefined }
        ],
        alerts: [alert("brokerUnreachable", "out"), alert("eventsDropped", "")]
      }),
      0
    )

    assert.strictEqual(
      line,
      "4 s | in 100/s, out 95/s | 300 sent, 280 delivered, 19 in flight, 1 lost, 2 duplicated | "
        + "latency p50 1.00 ms p99 20.1 ms | platform broker up, outside broker down | "
        + "in running (streamHealthy), out not running (streamUnhealthy), other unknown | "
        + "alerts: brokerUnreachable on out, eventsDropped"
    )
  })

  it("says so when there are no alerts and no latencies", () => {
    const line = Report.statusLine(snapshot({}), snapshot({ atMicros: 1 }), 0)

    assert.include(line, "p50 - p99 -")
    assert.include(line, "no alerts")
  })

  it("names each alert that was raised or cleared, and not those that stay", () => {
    const before = [alert("a", "in"), alert("a", "out")]
    const now = [alert("a", "out"), alert("b", "")]

    assert.deepStrictEqual(Report.alertChanges(before, now), [
      "alert raised: b, CRITICAL: cannot connect",
      "alert cleared: a on in"
    ])
    assert.deepStrictEqual(Report.alertChanges(now, now), [])
  })

  it("tells no more of an alert than fits a line, and nothing that a terminal would obey", () => {
    const bad = { ...alert("a\n", "in"), message: `one\nline\x1b[2J${"x".repeat(1_000)}` }
    const [line = ""] = Report.alertChanges([], [bad])

    assert.match(line, /^alert raised: a  on in, CRITICAL: one line␛\[2Jx+$/)
    assert.isBelow(line.length, 300)
  })

  it("knows since when an alert stands, and begins anew with one that comes back", () => {
    const stood = Report.standing([alert("a", "in")], [{ ...alert("a", "in"), message: "other" }, alert("a", "")], 7)
    assert.deepStrictEqual(stood.map(({ message, sinceMicros }) => [message, sinceMicros]), [
      ["other", 0],
      ["cannot connect", 7]
    ])

    const back = Report.standing(Report.standing(stood, [], 8), stood, 9)
    assert.deepStrictEqual(back.map(({ sinceMicros }) => sinceMicros), [9, 9])
  })

  it("names each stream that came or went, and not one whose status alone is another", () => {
    const stream = (id: string, running: boolean | undefined, status = "streamHealthy") => ({ id, running, status })
    const before = [stream("a", true), stream("b", true), stream("c", undefined)]
    const now = [stream("a", true, "streamStarted"), stream("b", false, "streamUnhealthy"), stream("c", true)]

    assert.deepStrictEqual(Report.streamChanges(before, now), [
      "stream b not running (streamUnhealthy)",
      "stream c running (streamHealthy)"
    ])
  })

  it("ends with the four counts in exactly this form", () => {
    assert.strictEqual(
      Report.lastLine(counts({ sent: 20_000, delivered: 19_998, lost: 2, duplicated: 1 })),
      "20000 sent, 19998 delivered, 2 lost, 1 duplicated"
    )
  })

  it("sums up a clean run in two lines", () => {
    const traffic = new Traffic()
    traffic.receive(traffic.send(Buffer.from("x"), 1_000), 2_000)
    const run = { seconds: 1.234, pipeline: { received: 1, republished: 1 }, maxLineBytes: 100, sending: undefined }

    assert.deepStrictEqual(Report.summary(traffic, run), [
      "ran for 1.2 s; latency p50 1.00 ms p99 1.00 ms max 1.00 ms; pipeline: 1 in, 1 out",
      "1 sent, 1 delivered, 0 lost, 0 duplicated"
    ])
    assert.isTrue(Report.isComplete(traffic))
  })

  it("tells everything that went wrong, and does not call it complete", () => {
    const spoil: ReadonlyArray<readonly [string, (traffic: Traffic) => void]> = [
      ["1 lost", (traffic) => traffic.ledger.settle(Infinity)],
      ["1 duplicated", (traffic) => {
        traffic.ledger.deliver(1, 0)
        traffic.ledger.deliver(1, 0)
      }],
      ["messages that came with a number that was never sent: 1", (traffic) => traffic.ledger.deliver(99, 0)],
      ["messages damaged on the way, which do not count as delivered: 1", (traffic) => {
        const bytes = traffic.send(Buffer.from("y"), 0)
        bytes[bytes.length - 1]! ^= 1
        traffic.receive(bytes, 1)
      }],
      [
        "lines not sent, since they are over the limit of 100 bytes (the first has 200): 1",
        (traffic) => traffic.refuse(200)
      ]
    ]
    for (const [text, spoiled] of spoil) {
      const traffic = new Traffic()
      traffic.send(Buffer.from("x"), 0)
      spoiled(traffic)
      const run = { seconds: 1, pipeline: { received: 0, republished: 0 }, maxLineBytes: 100, sending: undefined }
      assert.include(Report.summary(traffic, run).join("\n"), text)
      assert.isFalse(Report.isComplete(traffic), text)
    }
  })

  it("tells what was sent again, and how much of it was known, which is no fault", () => {
    const traffic = new Traffic()
    const pipeline = { received: 0, republished: 0 }
    const run = { seconds: 1, pipeline, maxLineBytes: 100, sending: { resent: 7, known: 3 } }

    assert.include(
      Report.summary(traffic, run),
      "messages sent again to the outside broker, since they were not confirmed (it had 3 of them): 7"
    )
    assert.isTrue(Report.isComplete(traffic))
  })

  it("tells messages of others, which say nothing about ours", () => {
    const traffic = new Traffic()
    traffic.receive(Buffer.from("hello"), 0)
    const run = { seconds: 1, pipeline: { received: 0, republished: 0 }, maxLineBytes: 100, sending: undefined }

    assert.include(Report.summary(traffic, run), "messages of others on the outside subject: 1")
    assert.isTrue(Report.isComplete(traffic))
  })
})
