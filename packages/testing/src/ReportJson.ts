/**
 * A report for programs: JSON and JUnit XML.
 *
 * @since 0.1.0
 */
import * as Report from "./Report.ts"
import type { Result } from "./Result.ts"

const verdictOf = ({ verdict }: Result) => {
  switch (verdict._tag) {
    case "Passed":
      return { verdict: "passed", got: verdict.got }
    case "Skipped":
      return { verdict: "skipped", reason: verdict.reason }
    case "Failed":
      return { verdict: "failed", wanted: verdict.expected, got: verdict.got, calls: verdict.steps }
  }
}

const caseOf = (result: Result, again: string) => {
  const { door, expected, id, level, millis, title, verdict } = result
  const about = { id, title, level, door, expected, ...verdictOf(result), millis }
  return verdict._tag === "Failed" ? { ...about, again } : about
}

/**
 * The report as JSON.
 *
 * @category rendering
 * @since 0.1.0
 */
export const json = (report: Report.Report): string => {
  const { connectorId, description, millis, place, results, seed, startedMillis } = report
  return JSON.stringify(
    {
      connector: { place, id: connectorId, description },
      startedAt: new Date(startedMillis).toISOString(),
      millis,
      seed,
      ...Report.counts(results),
      keeps: { core: Report.keeps(results, "core"), full: Report.keeps(results, "full") },
      cases: results.map((result) => caseOf(result, report.again(result.id)))
    },
    undefined,
    2
  )
}

/** What XML 1.0 has no way to say is left out. */
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const forbidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\"": "&quot;",
  "'": "&#39;"
}

/**
 * Text as it stands in XML and HTML, in an attribute too.
 *
 * @category rendering
 * @since 0.1.0
 */
export const escaped = (text: string): string =>
  text.toWellFormed().replaceAll(forbidden, "\ufffd").replaceAll(/[&<>"']/g, (sign) => escapes[sign] ?? sign)

const seconds = (millis: number): string => (millis / 1000).toFixed(3)

const testcase = (group: string, result: Result, again: string): string => {
  const { id, level, millis, title, verdict } = result
  const open = `    <testcase classname="conformance.${group}.${level}" name="${escaped(`${id} ${title}`)}" time="${
    seconds(millis)
  }">`
  const close = "</testcase>"
  switch (verdict._tag) {
    case "Passed":
      return `${open}<system-out>${escaped(verdict.got)}</system-out>${close}`
    case "Skipped":
      return `${open}<skipped message="${escaped(verdict.reason)}"/>${close}`
    case "Failed": {
      const calls = verdict.steps.map(({ call, reply, request }) => `${call} ${JSON.stringify(request)} -> ${reply}`)
      const body = [`rule: ${result.expected}`, `again: ${again}`, ...calls].join("\n")
      return `${open}<failure message="${escaped(Report.came(result))}">${escaped(body)}</failure>${close}`
    }
  }
}

/**
 * The report as JUnit XML: a suite for each group.
 *
 * @category rendering
 * @since 0.1.0
 */
export const junit = (report: Report.Report): string => {
  const head = (name: string, results: ReadonlyArray<Result>) => {
    const { failed, skipped } = Report.counts(results)
    const time = results.reduce((total, { millis }) => total + millis, 0)
    return `name="${
      escaped(name)
    }" tests="${results.length}" failures="${failed}" errors="0" skipped="${skipped}" time="${seconds(time)}"`
  }
  const suites = Report.groups.map(({ letter, title }) => {
    const own = report.results.filter(({ id }) => id.startsWith(letter))
    if (own.length === 0) return ""
    const open = `  <testsuite ${head(title, own)} timestamp="${
      new Date(report.startedMillis).toISOString().slice(0, 19)
    }">`
    const cases = own.map((result) => testcase(letter, result, report.again(result.id))).join("\n")
    return `${open}\n${cases}\n  </testsuite>`
  })
  return [
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
    `<testsuites ${head(`kps conform ${report.place}`, report.results)}>`,
    ...suites.filter((suite) => suite !== ""),
    "</testsuites>"
  ].join("\n")
}
