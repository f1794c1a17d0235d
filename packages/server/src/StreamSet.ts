/**
 * The streams of a connector by id: which of them to stop and start when another set is asked for.
 *
 * @since 0.1.0
 */
import type { Guarantee } from "@kps/connector"
import type * as Fiber from "effect/Fiber"
import { type Place, SourcePosition } from "./SourcePosition.ts"
import { Ledger, type StreamCounts } from "./StreamCounts.ts"
import type { StreamEnvironment } from "./StreamEnvironment.ts"
import { StreamReport } from "./StreamReport.ts"
import { StreamRunner } from "./StreamRunner.ts"
import type { StreamReading, StreamSpec } from "./StreamSpec.ts"

/**
 * What one change of the set has set going.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change {
  /** Streams of the set that have no outcome yet. */
  readonly starting: ReadonlyArray<StreamRunner>
  /** Ids of the streams that this change stopped and that have not ended. */
  readonly stopping: ReadonlyArray<string>
  /** Ids that are not in the set any more. */
  readonly removed: ReadonlyArray<string>
}

/** Of more streams than this the statuses are short: 10,000 of them have to fit into an answer. */
const many = 2_000

/**
 * Runners by id, and the fibers of those that were stopped and have not ended.
 *
 * **Details**
 *
 * All methods act at once, and wait for nothing. Whatever runs under an id has ended before the next of that id starts,
 * however often it was asked for meanwhile.
 *
 * @category models
 * @since 0.1.0
 */
export class StreamSet {
  private readonly environment: StreamEnvironment
  private readonly equivalent: (self: unknown, that: unknown) => boolean
  private readonly ending = new Map<string, Set<Fiber.Fiber<void>>>()
  private readonly ledger: Ledger
  private readonly isMany = () => this.size > many
  private byId: ReadonlyMap<string, StreamRunner> = new Map()
  /** Of the set, or of what it is about to be. */
  private size = 0

  /** `equivalent` compares decoded parameters. */
  constructor(environment: StreamEnvironment, equivalent: (self: unknown, that: unknown) => boolean) {
    this.environment = environment
    this.equivalent = equivalent
    this.ledger = new Ledger(environment.desk.now)
  }

  /** In the order in which they were asked for. */
  get runners(): ReadonlyArray<StreamRunner> {
    return Array.from(this.byId.values())
  }

  get(id: string): StreamRunner | undefined {
    return this.byId.get(id)
  }

  /** The streams as they are now, then those that are gone and not forgotten. */
  get readings(): ReadonlyArray<StreamReading> {
    const now = this.environment.desk.now()
    return [
      ...this.runners.map(({ condition, counts, report, spec }) => ({
        ...reading(counts, condition.state._tag, now, report.guarantee),
        channel: spec.channel
      })),
      ...this.ledger.past.map((counts) => reading(counts, "Removed", now, undefined))
    ]
  }

  /** What was stopped under this id and has not ended. */
  endingOf(id: string): ReadonlyArray<Fiber.Fiber<void>> {
    return Array.from(this.ending.get(id) ?? [])
  }

  /** Ids under which something was stopped and has not ended. */
  get endingIds(): ReadonlyArray<string> {
    return Array.from(this.ending.keys())
  }

  /** Makes `specs` the set: with `restart`, also what is unchanged is stopped and started again. */
  change(specs: ReadonlyArray<StreamSpec>, restart: boolean): Change {
    const before = this.byId
    const after = new Map<string, StreamRunner>()
    const toStart: Array<StreamRunner> = []
    this.size = specs.length
    for (const spec of specs) {
      const current = before.get(spec.id)
      const keep = current !== undefined && !restart && this.isSame(current.spec, spec)
      const runner = keep ? current : this.successor(current, spec)
      if (!keep || runner.condition.isHalted) toStart.push(runner)
      after.set(spec.id, runner)
    }
    const stopped = Array.from(before.values()).filter((runner) => after.get(runner.spec.id) !== runner)
    const removed = stopped.map((runner) => runner.spec.id).filter((id) => !after.has(id))
    for (const runner of stopped) this.stop(runner)
    for (const id of removed) {
      const { counts, report } = before.get(id)!
      report.close()
      this.ledger.close(counts)
    }
    for (const runner of toStart) {
      this.track(runner)
      runner.start(this.endingOf(runner.spec.id))
    }
    this.byId = after
    return {
      starting: this.runners.filter((runner) => !runner.condition.isSettled),
      stopping: stopped.map((runner) => runner.spec.id).filter((id) => this.ending.has(id)),
      removed
    }
  }

  /** Stops everything. The set stays what it is. */
  stopAll(): void {
    for (const runner of this.byId.values()) this.stop(runner)
  }

  private stop(runner: StreamRunner): void {
    runner.stop()
    this.track(runner)
  }

  private track(runner: StreamRunner): void {
    const { fiber } = runner
    if (fiber === undefined || fiber.pollUnsafe() !== undefined) return
    const { id } = runner.spec
    const fibers = this.ending.get(id) ?? new Set()
    this.ending.set(id, fibers.add(fiber))
    fiber.addObserver(() => {
      fibers.delete(fiber)
      if (fibers.size === 0 && this.ending.get(id) === fibers) this.ending.delete(id)
    })
  }

  /** Counts stay with the id and direction, the position with the parameters that it belongs to. */
  private successor(current: StreamRunner | undefined, spec: StreamSpec): StreamRunner {
    const counts = this.countsOf(current, spec)
    const report = current?.report ?? new StreamReport(counts, this.environment.desk, this.isMany)
    const before = current !== undefined && this.equivalent(current.spec.parameters, spec.parameters)
      ? current.position
      : undefined
    const { id: streamId, metadata: parameters } = spec
    const owner = { instance: this.environment.instance, streamId, parameters }
    const position = new SourcePosition(owner, this.placeOf(report), before)
    return new StreamRunner(spec, report, counts, position, this.environment)
  }

  private placeOf(report: StreamReport): Place | undefined {
    const { positions } = this.environment
    return positions === undefined ? undefined : { store: positions, onSaved: (error) => report.saved(error) }
  }

  private countsOf(current: StreamRunner | undefined, { direction, id }: StreamSpec): StreamCounts {
    if (current?.spec.direction === direction) return current.counts
    if (current !== undefined) this.ledger.close(current.counts)
    return this.ledger.open(id, direction)
  }

  private isSame(self: StreamSpec, that: StreamSpec): boolean {
    return self.direction === that.direction && self.channel === that.channel &&
      this.equivalent(self.parameters, that.parameters)
  }
}

const reading = (
  counts: StreamCounts,
  state: StreamReading["state"],
  nowMillis: number,
  guarantee: Guarantee.Facts | undefined
): StreamReading => {
  const deliverP99Millis = counts.deliveries.p99(nowMillis)
  return {
    id: counts.id,
    direction: counts.direction,
    state,
    stats: { ...counts.stats },
    inFlight: counts.inFlight(),
    ...(guarantee === undefined ? {} : { guarantee }),
    ...(deliverP99Millis === undefined ? {} : { deliverP99Millis })
  }
}
