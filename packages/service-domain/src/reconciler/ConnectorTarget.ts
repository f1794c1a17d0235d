/**
 * Where a connector instance runs: a command that is started for it, or an address where it is served already.
 *
 * @since 0.1.0
 */
import { Endpoint } from "@kps/client"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { InstancePlan } from "./DomainPlan.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type ConnectorTarget =
  | {
    readonly _tag: "Command"
    /** What `sh -c` starts, once for each instance: see `LocalProcess` for the environment that it gets. */
    readonly command: string
  }
  | {
    readonly _tag: "Endpoint"
    /** `host:port`. It serves one instance, whose id it has to have as its own. */
    readonly endpoint: string
  }

/**
 * Targets by the name of a class (`natsconnector`), of one version of it (`natsconnector:1.0`), or of an instance.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectorTargets = Readonly<Record<string, ConnectorTarget>>

/**
 * A text that is no `NAME=COMMAND` and no `NAME=HOST:PORT`.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidTarget
  extends Schema.TaggedError<InvalidTarget>("@kps/service-domain/ConnectorTarget/InvalidTarget")("InvalidTarget", {
    text: Schema.String,
    problem: Schema.String
  })
{
  override get message(): string {
    return `want a connector as NAME=COMMAND or NAME=HOST:PORT, such as "natsconnector=node dist/main.js", got ${
      JSON.stringify(this.text.slice(0, 200))
    }: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Reads `NAME=COMMAND` or `NAME=HOST:PORT`. What is an address is taken for one.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<readonly [string, ConnectorTarget], InvalidTarget> => {
  const at = text.indexOf("=")
  const name = text.slice(0, at).trim()
  const value = text.slice(at + 1).trim()
  const refuse = (problem: string) => Result.fail(new InvalidTarget({ text, problem }))
  if (at === -1) return refuse("it has no \"=\"")
  if (name === "") return refuse("it has no name")
  if (value === "") return refuse("it has no command and no address")
  const endpoint = Effect.runSync(Effect.result(Endpoint.parse(value)))
  return Result.succeed([
    name,
    Result.isSuccess(endpoint)
      ? { _tag: "Endpoint", endpoint: endpoint.success }
      : { _tag: "Command", command: value }
  ])
}

/**
 * The target of an instance: the one of its own name, else that of its class in its version, else that of its class.
 *
 * @category getters
 * @since 0.1.0
 */
export const find = (
  targets: ConnectorTargets,
  { className, classVersion, name }: Pick<InstancePlan, "className" | "classVersion" | "name">
): ConnectorTarget | undefined => {
  const key = [name, `${className}:${classVersion}`, className].find((key) => Object.hasOwn(targets, key))
  return key === undefined ? undefined : targets[key]
}
