/**
 * Where the parts of a pipeline tell how they are.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Latch from "effect/Latch"
import { FunctionLog } from "../functions/FunctionLog.ts"
import { Alerts } from "./Alerts.ts"
import type { PipelineCounters, PipelineState } from "./PipelineReport.ts"

export class Monitor {
  readonly now: () => number
  readonly alerts: Alerts
  readonly log: FunctionLog
  readonly counters: { -readonly [K in Exclude<keyof PipelineCounters, "inFlight">]: number } = {
    received: 0,
    sampledOut: 0,
    published: 0,
    failed: 0,
    dropped: 0
  }
  /** Open while the pipeline runs. */
  readonly running = Latch.makeUnsafe(false)
  /** Parts that are not ready; those that have been tell why not. */
  private readonly waiting = new Map<string, string | undefined>()
  private current: PipelineState

  constructor(clock: Clock.Clock) {
    this.now = () => clock.currentTimeMillisUnsafe()
    this.alerts = new Alerts(this.now)
    this.log = new FunctionLog(this.now)
    this.current = { status: "STARTING", sinceMillis: this.now(), cause: undefined }
  }

  get state(): PipelineState {
    return this.current
  }

  /** A part is to be ready before the pipeline runs. */
  expect(part: string): void {
    this.waiting.set(part, undefined)
  }

  ready(part: string): void {
    if (!this.waiting.delete(part)) return
    if (this.waiting.size === 0) this.become("RUNNING", undefined)
    else this.tell()
  }

  failing(part: string, cause: string): void {
    this.waiting.set(part, cause)
    this.tell()
  }

  stopped(): void {
    this.become("STOPPED", undefined)
  }

  /** Everything that is to be ready is there from the beginning: nothing to wait for means that it runs. */
  begin(): void {
    if (this.waiting.size === 0) this.become("RUNNING", undefined)
  }

  private tell(): void {
    const causes = [...this.waiting.values()].filter((cause) => cause !== undefined)
    if (causes.length > 0) this.become("FAILING", causes.join("; "))
    else if (this.current.status === "FAILING") this.become("STARTING", undefined)
  }

  private become(status: PipelineState["status"], cause: string | undefined): void {
    const { current } = this
    if (current.status === "STOPPED" || (current.status === status && current.cause === cause)) return
    const sinceMillis = current.status === status ? current.sinceMillis : this.now()
    this.current = { status, sinceMillis, cause }
    if (status === "RUNNING") this.running.openUnsafe()
    else this.running.closeUnsafe()
  }
}
