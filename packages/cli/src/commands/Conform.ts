/**
 * `kps conform`: whether a connector, in any language, keeps its contract.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Connection from "../Connection.ts"

/**
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  endpoint: Connection.flags.endpoint,
  ...Connection.tlsFlags,
  nats: Flag.String("nats").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("The broker of the data pipelines, which the connector uses too; or NATS_BROKER"),
    Flag.withFallbackConfig(Config.String("NATS_BROKER")),
    Flag.withDefault("nats://127.0.0.1:4222")
  ),
  connector: Flag.String("connector").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("What the connector is like, in YAML or JSON: see docs/conformance.md")
  ),
  level: Flag.Literals("level", ["core", "full"]).pipe(
    Flag.withDescription(
      "core: run these cases alone; full: run all, and exit 1 when any fails. Without it all are run, and the core decides"
    ),
    Flag.optional
  ),
  cases: Flag.String("case").pipe(
    Flag.withMetavar("ID"),
    Flag.withDescription("A case to run, such as C06; may be given several times. Default: all"),
    Flag.atLeast(0)
  ),
  format: Flag.Literals("format", ["text", "json", "junit"]).pipe(
    Flag.withDescription("How to print what comes back"),
    Flag.withDefault("text" as const)
  ),
  html: Flag.String("html").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write a report to hand on: one HTML file that needs nothing else"),
    Flag.optional
  ),
  command: Flag.String("command").pipe(
    Flag.withMetavar("COMMAND"),
    Flag.withDescription(
      "Starts the connector at the endpoint, in the foreground, on {port}, with the broker of NATS_BROKER: it is stopped, killed, cut off, started twice"
    ),
    Flag.optional
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Replays the random choices of another run"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))),
    Flag.optional
  )
}

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "conform",
  flags,
  Effect.fn("kps conform")(function*(options) {
    // loaded when it is asked for: no other command talks to a broker
    const { run } = yield* Effect.promise(() => import("../ConformRun.ts"))
    yield* run(options)
  })
).pipe(
  Command.withDescription(
    "Show whether a connector keeps its contract; its streams are replaced, and it is left without any. Exit code 1 when a case of the core fails"
  ),
  Command.withExamples([
    {
      command: "kps conform --nats nats://127.0.0.1:4222 --connector apps/nats-connector/conformance.json",
      description: "The connector that runs on this machine"
    },
    {
      command: "kps conform --connector c.yaml --case C06 --case M61 --seed 7",
      description: "Two cases alone, one of them with the random choices of another run"
    }
  ])
)
