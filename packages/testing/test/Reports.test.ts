import { assert, describe, it } from "@effect/vitest"
import { Report, ReportHtml, ReportJson, ReportText, type Result } from "@kps/testing"

const result = (id: string, over: Partial<Result>): Result => ({
  id,
  title: `the rule of ${id}`,
  expected: "what is right",
  level: "full",
  door: "wire",
  verdict: { _tag: "Passed", got: "what is right" },
  millis: 1_500,
  ...over
})

const nasty = "<script>alert('\"&')</script> \u0000\u001b[31m ]]> \ud800 end"

const failed: Result = result("C06", {
  level: "core",
  verdict: {
    _tag: "Failed",
    expected: `the stream subscribed ${nasty}`,
    got: `no stream ${nasty}`,
    steps: Array.from({ length: 20 }, (_, n) => ({
      call: "SetPayload",
      request: { connectorId: "c-1", n, text: nasty },
      reply: `OK ${nasty}`
    }))
  }
})

const results: ReadonlyArray<Result> = [
  result("C01", { level: "core" }),
  failed,
  result("E29", { verdict: { _tag: "Skipped", reason: `no ${nasty}` } }),
  result("M61", {})
]

const report: Report.Report = {
  place: "127.0.0.1:8000",
  connectorId: `c-1 ${nasty}`,
  description: "c.yaml",
  seed: 7,
  startedMillis: 1_795_392_000_000,
  millis: 12_345,
  results,
  again: (id) => `kps conform --case ${id} --seed 7`
}

/** What a reader of XML would not take: an element that is not closed, a sign that is none. */
const balanced = (text: string): void => {
  const open: Array<string> = []
  for (const [, close, name = "", , empty] of text.matchAll(/<(\/?)([a-z-]+)((?:\s[a-z-]+(?:="[^"<]*")?)*)(\/?)>/g)) {
    if (close === "/") assert.strictEqual(open.pop(), name)
    else if (empty !== "/") open.push(name)
  }
  assert.deepStrictEqual(open, [])
}

describe("a report", () => {
  it("counts, and says which level is kept", () => {
    assert.deepStrictEqual(Report.counts(results), { passed: 2, failed: 1, skipped: 1 })
    assert.isFalse(Report.keeps(results, "core"))
    const beyond = [result("E29", { verdict: { _tag: "Failed", expected: "", got: "", steps: [] } })]
    assert.isTrue(Report.keeps(beyond, "core"))
    assert.isFalse(Report.keeps(beyond, "full"))
    assert.match(Report.conclusion(results), /2 passed, 1 failed, 1 skipped: the core is broken: C06$/)
    assert.match(Report.conclusion(beyond), /the core holds; beyond it is broken: E29$/)
    assert.match(Report.conclusion([result("C01", {})]), /no rule is broken$/)
  })

  it("is for a terminal one line for each case, and for each failure how to reproduce it", () => {
    const lines = results.map(ReportText.line)
    const summary = ReportText.summary(report)

    for (const [n, line] of lines.entries()) {
      assert.notMatch(line, /\p{Cc}/u)
      assert.include(line, results[n]!.id)
      assert.include(line, "expected: what is right")
    }
    assert.match(lines[0]!, /^ok .* got: what is right$/)
    assert.match(lines[1]!, /^FAILED .* got: no stream/)
    assert.match(lines[2]!, /^skipped .* not looked at: no /)
    assert.include(summary, "kps conform --case C06 --seed 7")
    assert.include(summary, "the last 12 of 20")
    assert.include(summary, "seed 7, 12.3 s")
    assert.notInclude(summary, "\u001b")
  })

  it("is JSON with every case, and the calls of those that failed", () => {
    const json = JSON.parse(ReportJson.json(report))

    assert.deepStrictEqual(json.connector, { place: report.place, id: report.connectorId, description: "c.yaml" })
    assert.strictEqual(json.startedAt, "2026-11-23T00:00:00.000Z")
    assert.deepStrictEqual(json.keeps, { core: false, full: false })
    assert.deepStrictEqual(json.cases.map(({ id, verdict }: { id: string; verdict: string }) => `${id} ${verdict}`), [
      "C01 passed",
      "C06 failed",
      "E29 skipped",
      "M61 passed"
    ])
    assert.strictEqual(json.cases[1].calls.length, 20)
    assert.strictEqual(json.cases[1].again, "kps conform --case C06 --seed 7")
  })

  it("is JUnit XML with a suite for each group", () => {
    const xml = ReportJson.junit(report)

    balanced(xml.slice(xml.indexOf("<testsuites")))
    assert.match(
      xml,
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites [^>]*tests="4" failures="1" errors="0" skipped="1"/
    )
    assert.deepStrictEqual([...xml.matchAll(/<testsuite name="([^"]*)" tests="(\d)"/g)].map((m) => m.slice(1)), [
      ["Contract", "2"],
      ["Events", "1"],
      ["Random sequences", "1"]
    ])
    assert.match(xml, /<failure message="expected the stream subscribed &lt;script&gt;/)
    assert.isTrue(xml.isWellFormed())
    // oxlint-disable-next-line no-control-regex -- control characters are what it is about
    assert.notMatch(xml, /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/)
  })

  it("is one HTML file that needs nothing else and runs nothing of what a connector said", () => {
    const html = ReportHtml.html(report)

    balanced(html.replaceAll(/<!doctype html>|<meta [^>]*>|<style>[^]*?<\/style>|<script>[^]*?<\/script>/g, ""))
    assert.strictEqual([...html.matchAll(/<script/g)].length, 1)
    assert.notMatch(html, /(?:src|href)\s*=|@import|url\(|https?:/)
    assert.isTrue(html.isWellFormed())
    for (const { id, title } of results) {
      assert.include(html, `id="${id}"`)
      assert.include(html, title)
    }
    assert.include(html, "kps conform --case C06 --seed 7")
    assert.include(html, "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;")
    assert.match(html, /<b>2<\/b> passed.*<b>1<\/b> failed.*<b>1<\/b> skipped/)
  })

  it("has a script that is JavaScript, and only shows and hides", () => {
    const [, script = ""] = /<script>([^]*?)<\/script>/.exec(ReportHtml.html(report)) ?? []
    const clicked: Array<() => void> = []
    const classes = new Set<string>()
    const attributes = new Map<string, string>()
    const button = {
      dataset: { verdict: "passed" },
      addEventListener: (_: string, listener: () => void) => clicked.push(listener),
      setAttribute: (name: string, value: string) => attributes.set(name, value)
    }
    const document = {
      querySelectorAll: () => [button],
      body: { classList: { toggle: (name: string) => classes.delete(name) ? false : classes.add(name).has(name) } }
    }
    // oxlint-disable-next-line typescript/no-implied-eval, no-new-func -- our own text, as a browser runs it
    new Function("document", script)(document)

    clicked[0]?.()
    assert.deepStrictEqual([[...classes], attributes.get("aria-pressed")], [["no-passed"], "false"])
    clicked[0]?.()
    assert.deepStrictEqual([[...classes], attributes.get("aria-pressed")], [[], "true"])
  })
})
