import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Latency } from "../src/Latency.ts"
import * as Line from "../src/Line.ts"
import type { AlertView } from "../src/Report.ts"
import * as View from "../src/View.ts"

const latency = new Latency()
for (const micros of [1_000, 1_000, 1_000, 20_000]) latency.record(micros)

const alert = (name: string, message = "cannot connect to nats://127.0.0.1:4222"): AlertView => ({
  name,
  streamId: "natsconnectorstream-in",
  severity: "CRITICAL",
  message,
  sinceMicros: 60e6
})

const seconds = Array.from({ length: 60 }, (_, i) => i === 59 ? 0 : 100 * (i + 1))

const snapshot: View.Snapshot = {
  doing: "sending sensor readings, 100 a second at most",
  startMicros: 2e6,
  atMicros: 185e6,
  counts: { sent: 300, delivered: 280, inFlight: 19, lost: 1, duplicated: 0, late: 0, outOfOrder: 0, unknown: 0 },
  rates: { sent: 100.4, delivered: 0.5 },
  seconds: { sent: seconds, delivered: seconds },
  recentLatency: latency,
  wholeLatency: new Latency(),
  processes: [
    { name: "platform broker", up: true, pid: 1234, port: 4222 },
    { name: "outside broker", up: false, pid: undefined, port: 4223 }
  ],
  streams: [
    { id: "natsconnectorstream-in", running: true, status: "streamHealthy" },
    { id: "natsconnectorstream-out", running: false, status: "streamUnhealthy" },
    { id: "other", running: undefined, status: undefined }
  ],
  alerts: [],
  events: Array.from({ length: 50 }, (_, i) => ({ at: `12:00:${i + 10}`, text: `event ${i}` }))
}

const render = (columns: number, rows: number, some: Partial<View.Snapshot> = {}) =>
  View.render({ ...snapshot, ...some }, { columns, rows })
const text = (...args: Parameters<typeof render>) => render(...args).map((line) => Line.text(line).trimEnd())

/** The lines from one that begins so on. */
const from = (lines: ReadonlyArray<string>, start: string) => lines.slice(lines.findIndex((l) => l.startsWith(start)))

describe("View", () => {
  it("shows all there is to know on a usual terminal", () => {
    assert.deepStrictEqual(text(80, 24, { events: snapshot.events.slice(0, 2) }), [
      "KPS demo  sending sensor readings, 100 a second at most                  0:03:03",
      "300 sent  280 delivered  19 in flight  1 lost  0 duplicated",
      "latency, last 10 s  p50 1.00 ms  p99 20.1 ms  max 20.1 ms",
      "since the start     p50 -        p99 -        max -",
      `─ rates, last 60 s, full bar 5900/s ${"─".repeat(44)}`,
      "in      100/s ▂▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▄▄▅▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇▇█████████▁",
      "out     0.5/s ▂▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▄▄▅▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇▇█████████▁",
      `─ processes ${"─".repeat(68)}`,
      "platform broker  up    pid 1234    port 4222",
      "outside broker   down  no process  port 4223",
      `─ streams ${"─".repeat(70)}`,
      "natsconnectorstream-in   running      streamHealthy",
      "natsconnectorstream-out  not running  streamUnhealthy",
      "other                    unknown",
      `─ alerts ${"─".repeat(71)}`,
      "no alerts",
      `─ latest events ${"─".repeat(64)}`,
      "12:00:10 event 0",
      "12:00:11 event 1"
    ])
  })

  it("says what an alert says, and since when it stands", () => {
    assert.deepStrictEqual(from(text(80, 40, { alerts: [alert("brokerUnreachable")] }), "CRITICAL").slice(0, 2), [
      "CRITICAL brokerUnreachable on natsconnectorstream-in for 2 min 5 s",
      "  cannot connect to nats://127.0.0.1:4222"
    ])
  })

  it("counts alerts where there is no room for all", () => {
    const alerts = Array.from({ length: 20 }, (_, i) => alert(`alert${i}`))
    const lines = from(text(80, 30, { alerts }), "─ alerts")

    assert.match(lines[1]!, /^20 alerts: alert0 on natsconnectorstream-in, alert1 .*…$/)
    assert.match(lines[2]!, /^CRITICAL alert0 on /)
    assert.match(lines.at(-1)!, /event 49$/)
  })

  it("stands ten thousand alerts", () => {
    const alerts = Array.from({ length: 10_000 }, (_, i) => alert(`alert${i}`, "x".repeat(10_000)))
    const start = performance.now()
    const lines = render(120, 40, { alerts })

    assert.isBelow(performance.now() - start, 1_000)
    assert.strictEqual(lines.length, 40)
  })

  it("stresses losses and copies, and what is down", () => {
    const counts = { ...snapshot.counts, lost: 1, duplicated: 2 }
    const bad = render(80, 40, { counts, alerts: [alert("a")] }).flat()
      .filter(({ tone }) => tone === "bad").map(({ text }) => text.trim())

    assert.deepStrictEqual(bad, ["1 lost", "2 duplicated", "down", "not running", "CRITICAL"])
  })

  it("gives the rows that are left to the latest events", () => {
    const lines = text(120, 50)

    assert.strictEqual(lines.length, 50)
    assert.strictEqual(lines.at(-1), "12:00:59 event 49")
    assert.strictEqual(from(lines, "─ latest events")[1], "12:00:27 event 17")
  })

  it("fits 40 columns: totals and latencies go on in the next row, a bar stands for three seconds", () => {
    const lines = text(40, 30)

    assert.strictEqual(lines[0], "KPS demo  sending sensor readi…  0:03:03")
    assert.deepStrictEqual(lines.slice(1, 3), ["300 sent  280 delivered  19 in flight", "  1 lost  0 duplicated"])
    assert.include(lines, "in      100/s ▂▂▂▃▃▄▄▄▅▅▅▆▆▇▇▇███▆")
    assert.isTrue(lines.some((line) => line.startsWith("natsconnectorstream-out  not running")))
  })

  it("has the totals, alerts and rates at last where there are few rows", () => {
    assert.deepStrictEqual(text(80, 4).map((line) => line.slice(0, 9)), [
      "300 sent ",
      "in      1",
      "out     0",
      "no alerts"
    ])
    assert.deepStrictEqual(text(80, 1), ["300 sent  280 delivered  19 in flight  1 lost  0 duplicated"])
    assert.strictEqual(
      text(80, 2, { alerts: [alert("a"), alert("b")] })[1],
      "2 alerts: a on natsconnectorstream-in, b on natsconnectorstream-in"
    )
    assert.match(text(80, 2, { alerts: [alert("a")] })[1]!, /^CRITICAL a on /)
  })

  it("has no headings where the rows are better used", () => {
    assert.isTrue(text(80, 20).some((line) => line.startsWith("─")))
    assert.isFalse(text(80, 19).some((line) => line.startsWith("─")))
    assert.strictEqual(text(80, 19).length, 19)
  })

  it("fits every terminal, whatever is in names and messages", () => {
    const texts = [
      "日本語".repeat(50),
      "\x1b[2J\r\n\u202e",
      "e\u0301".repeat(200),
      "🚀🇨🇭".repeat(60),
      "x".repeat(5_000)
    ]
    for (const text of texts) {
      for (const columns of [1, 2, 7, 13, 20, 40, 41, 80, 300]) {
        for (const rows of [1, 2, 5, 10, 16, 24, 100]) {
          const lines = render(columns, rows, {
            doing: text,
            processes: [{ name: text, up: true, pid: 1, port: 2 }],
            streams: [{ id: text, running: true, status: text }],
            alerts: [{ ...alert(text, text), streamId: text }, alert("other")],
            events: snapshot.events.map(({ at }) => ({ at, text }))
          })
          assert.isAtMost(lines.length, rows)
          for (const line of lines) {
            assert.isAtMost(Line.width(line), columns)
            assert.notMatch(Line.text(line), /\p{C}/u)
          }
        }
      }
    }
  })

  it.prop(
    "fits whatever was counted and however large the terminal is",
    {
      columns: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 })),
      rows: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 80 })),
      sent: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_000_000 }))),
      alerts: Schema.Array(Schema.String)
    },
    ({ alerts, columns, rows, sent }) => {
      const lines = render(columns, rows, {
        seconds: { sent: sent.slice(0, 60), delivered: sent.slice(0, 60) },
        alerts: alerts.map((name) => alert(name))
      })
      assert.isAtMost(lines.length, rows)
      for (const line of lines) assert.isAtMost(Line.width(line), columns)
    }
  )
})
