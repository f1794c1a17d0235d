/**
 * The alerts of one pipeline.
 *
 * @since 0.1.0
 */
import type { AlertName, PipelineAlert } from "./PipelineReport.ts"

/** How long an alert that does not happen again stands, and how long a cleared one is shown. */
const lingerMillis = 30_000

/** Names of alerts that stand until what they are about is over. */
const conditions: ReadonlySet<AlertName> = new Set(["functionNotStarted", "inputFailed", "outputFailed"])

const warnings: ReadonlySet<AlertName> = new Set(["functionMisused"])

interface Alert {
  alert: PipelineAlert
  clearedMillis: number | undefined
}

export class Alerts {
  private readonly now: () => number
  private readonly all = new Map<string, Alert>()

  constructor(now: () => number) {
    this.now = now
  }

  /** It happened, once more or `times` more. */
  raise(name: AlertName, subject: string, message: string, context = "", times = 1): void {
    const now = this.now()
    const key = `${name} ${subject}`
    const before = this.all.get(key)
    const same = before !== undefined && this.clearedMillis(before) === undefined ? before.alert : undefined
    this.all.set(key, {
      alert: {
        name,
        subject,
        severity: warnings.has(name) ? "WARNING" : "CRITICAL",
        state: "FAILED",
        message,
        context,
        count: (same?.count ?? 0) + times,
        firstMillis: same?.firstMillis ?? now,
        lastMillis: now
      },
      clearedMillis: undefined
    })
  }

  /** What the alert is about is over. */
  clear(name: AlertName, subject: string): void {
    const one = this.all.get(`${name} ${subject}`)
    if (one !== undefined) one.clearedMillis ??= this.now()
  }

  /** Those that stand and those that were cleared lately, the latest first. */
  get current(): ReadonlyArray<PipelineAlert> {
    const now = this.now()
    const current: Array<PipelineAlert> = []
    for (const [key, one] of this.all) {
      const cleared = this.clearedMillis(one)
      if (cleared === undefined) current.push(one.alert)
      else if (now - cleared < lingerMillis) current.push({ ...one.alert, severity: "INFO", state: "HEALTHY" })
      else this.all.delete(key)
    }
    return current.toSorted((a, b) => b.lastMillis - a.lastMillis)
  }

  private clearedMillis({ alert, clearedMillis }: Alert): number | undefined {
    if (clearedMillis !== undefined || conditions.has(alert.name)) return clearedMillis
    const over = alert.lastMillis + lingerMillis
    return this.now() >= over ? over : undefined
  }
}
