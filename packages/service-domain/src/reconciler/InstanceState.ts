/**
 * A connector instance on this service domain, as it is now.
 *
 * @since 0.1.0
 */
import { type Stream as WireStream, StreamDirection } from "@kps/idl"
import * as Latch from "effect/Latch"
import { isDeepStrictEqual } from "node:util"
import { FunctionLog } from "../functions/FunctionLog.ts"
import type { DiscoveredStream, InstanceStatus, InstanceView } from "../rest/OperatorViews.ts"
import type { InstancePlan } from "./DomainPlan.ts"
import type { Occurrence } from "./Occurrences.ts"

/** Names of the alerts that are raised here, and not by connectors. */
export type PlatformAlert =
  | "connectorUnassigned"
  | "connectorEnded"
  | "connectorUnreachable"
  | "setPayloadFailed"
  | "configRefused"
  | "streamRefused"

/** @internal */
export const platformAlerts: ReadonlySet<string> = new Set<PlatformAlert>([
  "connectorUnassigned",
  "connectorEnded",
  "connectorUnreachable",
  "setPayloadFailed",
  "configRefused",
  "streamRefused"
])

/**
 * What the loops of one instance share. Nothing of it waits.
 */
export class InstanceState {
  readonly log: FunctionLog
  /** Open while there is something new to tell the connector. */
  readonly changed = Latch.makeUnsafe(false)
  /** Open when the connector should be asked before it is time. */
  readonly askSoon = Latch.makeUnsafe(false)
  private readonly now: () => number
  private current: InstancePlan
  private status: InstanceStatus = "STARTING"
  private since: number
  private cause: string | undefined
  private process: { readonly pid?: number | undefined; readonly endpoint?: string | undefined } = {}
  private restarts = 0
  private present: ReadonlyMap<string, WireStream> | undefined
  private saysRunning = true
  private causes: ReadonlyMap<string, string> = new Map()
  private readonly alerts = new Map<string, Occurrence>()

  constructor(plan: InstancePlan, now: () => number) {
    this.current = plan
    this.now = now
    this.since = now()
    this.log = new FunctionLog(now)
  }

  get plan(): InstancePlan {
    return this.current
  }

  /** What is wanted from now on. */
  update(plan: InstancePlan): void {
    if (isDeepStrictEqual(plan, this.current)) return
    this.current = plan
    this.changed.openUnsafe()
  }

  become(status: InstanceStatus, cause?: string): void {
    if (status !== this.status) this.since = this.now()
    this.status = status
    this.cause = cause
  }

  /** What is in the way, with the status as it is. */
  because(cause: string): void {
    this.cause = cause
  }

  /** Its connector is another one from now on, or none. */
  reached(process: { readonly pid?: number | undefined; readonly endpoint?: string | undefined }): void {
    this.process = process
    this.present = undefined
  }

  restarted(): void {
    this.restarts++
  }

  /** What the connector said of single streams when it was last told what to run. */
  failed(causes: ReadonlyMap<string, string>): void {
    this.causes = causes
  }

  /**
   * The streams that the connector has; none known: it does not answer. `saysRunning`: it says which of them run, which
   * the original SDK does not.
   */
  saw(streams: ReadonlyArray<WireStream> | undefined, saysRunning = true): void {
    this.present = streams && new Map(streams.map((stream) => [stream.id, stream]))
    this.saysRunning = saysRunning
  }

  raise(name: PlatformAlert, message: string, stream?: string): void {
    const key = `${name} ${stream ?? ""}`
    this.alerts.set(key, {
      type: "ALERT",
      name,
      stream,
      severity: "CRITICAL",
      state: "FAILED",
      message,
      properties: {},
      atMillis: this.alerts.get(key)?.atMillis ?? this.now()
    })
  }

  clear(name: PlatformAlert, stream?: string): void {
    this.alerts.delete(`${name} ${stream ?? ""}`)
  }

  /** Exactly these streams are refused. */
  refuse(name: "streamRefused", refused: ReadonlyMap<string, string>): void {
    for (const { name: raised, stream } of Array.from(this.alerts.values())) {
      if (raised === name && stream !== undefined && !refused.has(stream)) this.clear(name, stream)
    }
    for (const [stream, message] of refused) this.raise(name, message, stream)
  }

  /** The alerts that are raised here, and stand. */
  get standing(): ReadonlyArray<Occurrence> {
    return [...this.alerts.values()]
  }

  get view(): InstanceView {
    const { className, classVersion, id, name, projectId, streams } = this.current
    const wanted = new Set(streams.map(({ id }) => id))
    return {
      id,
      name,
      projectId,
      className,
      classVersion,
      status: this.status,
      sinceMillis: this.since,
      cause: this.cause,
      pid: this.process.pid,
      endpoint: this.process.endpoint,
      restarts: this.restarts,
      streams: streams.map(({ channel, direction, id, name }) => ({
        id,
        name,
        direction,
        channel,
        subscribed: this.saysRunning ? this.present && (this.present.get(id)?.subscribed ?? false) : undefined,
        // It may have recovered since it was told.
        cause: this.present?.get(id)?.subscribed === true ? undefined : this.causes.get(id)
      })),
      discovered: Array.from(this.present?.values() ?? []).flatMap((stream): ReadonlyArray<DiscoveredStream> =>
        !stream.discovered || wanted.has(stream.id) ? [] : [{
          id: stream.id,
          direction: stream.direction === StreamDirection.EGRESS ? "EGRESS" : "INGRESS",
          metadata: stream.metadata ?? {}
        }]
      )
    }
  }
}
