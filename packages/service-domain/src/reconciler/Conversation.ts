/**
 * What one connector is told and asked, from when it is there until it is gone.
 *
 * @since 0.1.0
 */
import type { ClientError, ConnectorClient } from "@kps/client"
import type { Stream as WireStream } from "@kps/idl"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { InstanceState } from "./InstanceState.ts"
import * as PayloadPlan from "./PayloadPlan.ts"

type Client = ConnectorClient.ConnectorClient["Service"]

/** How often a connector that is not there yet is asked. */
const askAgain = Schedule.min([Schedule.exponential("20 millis", 1.5), Schedule.spaced("1 second")])

/** A connector that answers, and takes no calls: it waits for something, and a restart would not help it. */
const notServingFor = "10 seconds"

export class Conversation {
  private readonly client: Client
  private readonly state: InstanceState
  /** A connector without the health service is one of the original SDK. */
  private original = false
  private known: PayloadPlan.Known | undefined

  constructor(client: Client, state: InstanceState) {
    this.client = client
    this.state = state
  }

  /**
   * Succeeds when the connector takes calls. Never fails: a connector that is not there is waited for. One that says for
   * ten seconds that it does not serve is told all the same what to run, and says itself what is in the way.
   */
  get ready(): Effect.Effect<void> {
    const look = Effect.match(this.client.health(), {
      onSuccess: (status) => status === "SERVING" || status === "SERVICE_UNKNOWN" ? "ready" as const : "waits" as const,
      onFailure: (error) => {
        this.original = error._tag === "Rejected" && error.code === "UNIMPLEMENTED"
        if (this.original) return "ready" as const
        this.state.because(error.message)
        return error._tag === "Rejected" ? "waits" as const : "away" as const
      }
    })
    const there = Effect.repeat(look, { until: (answer) => answer !== "away", schedule: askAgain })
    return Effect.flatMap(there, (answer) =>
      answer === "ready"
        ? Effect.void
        : Effect.asVoid(Effect.timeoutOption(
          Effect.repeat(look, { until: (answer) => answer === "ready", schedule: askAgain }),
          notServingFor
        )))
  }

  get isOriginal(): boolean {
    return this.original
  }

  /** Nothing is known of the connector any more: it may be another one. */
  forget(): void {
    this.known = undefined
  }

  /** Whether the connector has everything that it was told to run. */
  isKnownTo(streams: ReadonlyArray<WireStream>): boolean {
    const ids = new Set(streams.map(({ id }) => id))
    return this.known?.streams?.every(({ id }) => ids.has(id)) ?? true
  }

  /**
   * Brings the connector to what the plan says.
   *
   * **Details**
   *
   * What the connector refuses of it, by name, is left out, and the rest is asked for without it: one bad stream keeps no
   * other from running. Streams that do not run are noted, and are no failure: the connector has them, and goes on trying.
   */
  get apply(): Effect.Effect<void, ClientError.SetPayloadError> {
    return Effect.gen({ self: this }, function*() {
      const { plan } = this.state
      const known = this.known ?? {
        config: yield* this.client.getConfig,
        restartsChanged: !this.original
      }
      const { causes, config, refused, streams } = yield* this.tell(plan, known, new Map())
      this.known = { ...known, config, streams }
      this.state.failed(new Map([...refused, ...causes]))
      const refusedConfig = refused.get("")
      if (refusedConfig === undefined) this.state.clear("configRefused")
      else this.state.raise("configRefused", refusedConfig)
      this.state.refuse("streamRefused", new Map([...refused].filter(([stream]) => stream !== "")))
    })
  }

  private tell(
    plan: PayloadPlan.Wanted,
    known: PayloadPlan.Known,
    refused: ReadonlyMap<string, string>
  ): Effect.Effect<Told, ClientError.SetPayloadError> {
    return Effect.gen({ self: this }, function*() {
      const causes = new Map<string, string>()
      for (const request of PayloadPlan.requests(plan, known)) {
        causes.clear()
        const error = yield* Effect.match(this.client.setPayload(request.payloads), {
          onSuccess: () => undefined,
          onFailure: (error) => error
        })
        if (error === undefined) continue
        if (error._tag === "StreamsFailed") {
          for (const { code, message, streamId } of error.failures) causes.set(streamId, `${code}: ${message}`)
          continue
        }
        const rest = error._tag === "InvalidRequest" ? PayloadPlan.without(plan, request, error.violations) : undefined
        if (rest === undefined) return yield* error
        // What is left is less each time, so this ends.
        return yield* this.tell(rest.plan, known, new Map([...refused, ...rest.refused]))
      }
      return { causes, refused, config: plan.config ?? known.config, streams: plan.streams }
    })
  }
}

interface Told {
  readonly causes: ReadonlyMap<string, string>
  readonly refused: ReadonlyMap<string, string>
  readonly config: PayloadPlan.Known["config"]
  readonly streams: PayloadPlan.Wanted["streams"]
}
