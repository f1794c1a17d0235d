/**
 * `kps doctor`: what is wrong with how a broker and its connectors are set up.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { DoctorWarns } from "../CommandError.ts"
import * as DoctorView from "../DoctorView.ts"
import * as NatsFlags from "../NatsFlags.ts"
import * as Output from "../Output.ts"
import * as RunningConnector from "../RunningConnector.ts"

/** With what it reads: at the broker, and only there. */
const run = Effect.promise(() => import("../DoctorRun.ts"))
const doctor = Effect.promise(() => import("../Doctor.ts"))

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "doctor",
  {
    ...NatsFlags.flags,
    ...RunningConnector.flags,
    monitor: Flag.String("monitor").pipe(
      Flag.withMetavar("URL"),
      Flag.withDescription(
        "Monitoring of the nats-server, such as http://127.0.0.1:8222: for its connections and clock"
      ),
      Flag.optional
    ),
    output: Output.flag
  },
  Effect.fn("kps doctor")(function*({ monitor, nats, output, prefix, ...flags }) {
    const told = Option.getOrElse(yield* RunningConnector.streams(flags), () => [])
    const { layer, observe } = yield* run
    const { examine, unseen } = yield* doctor
    const observed = yield* Effect.provide(observe({ nats, prefix, monitor, told }), layer({ nats, prefix }))
    const report = { observed, warnings: examine(observed), unseen: unseen(observed) }
    yield* Console.log(output === "table" ? DoctorView.text(report) : Output.value(output, DoctorView.json(report)))
    if (report.warnings.length > 0) return yield* new DoctorWarns({ count: report.warnings.length })
  })
).pipe(
  Command.withDescription(
    "Look at the settings of a NATS server, its streams and consumers, and of the connectors there; exit code 1 when " +
      "something is wrong"
  ),
  Command.withExamples([
    { command: "kps doctor --nats nats://127.0.0.1:4222", description: "The broker and what connectors share there" },
    { command: "kps doctor --http 127.0.0.1:9090", description: "With how long the sinks of a connector take" }
  ])
)
