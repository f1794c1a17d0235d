/**
 * `kps serve` and `kps up`: a local KPS.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as ServeFlags from "../domain/ServeFlags.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const serve = Command.make(
  "serve",
  ServeFlags.flags,
  Effect.fn("kps serve")(function*(options) {
    // loaded when it is asked for: it is most of what there is
    const { serve } = yield* Effect.promise(() => import("../domain/Serving.ts"))
    return yield* serve(options)
  })
).pipe(
  Command.withDescription(
    "Run a service domain on this machine: its REST API, its broker, its connectors and pipelines"
  ),
  Command.withExamples([
    {
      command: "kps serve --connector natsconnector=\"node apps/nats-connector/dist/main.js\"",
      description: "Connectors of the class natsconnector are started by this command"
    }
  ])
)

/**
 * @category commands
 * @since 0.1.0
 */
export const up = Command.make(
  "up",
  {
    ...ServeFlags.flags,
    documents: Argument.String("file|folder").pipe(
      Argument.withDescription(
        "The documents that it is to have; changed files are applied again, code of functions too"
      )
    ),
    plain: Flag.Boolean("plain").pipe(
      Flag.withDescription("Lines of text, also on a terminal"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("kps up")(function*({ documents, plain, ...options }) {
    const { run } = yield* Effect.promise(() => import("../domain/UpRun.ts"))
    return yield* run(documents, options, { plain })
  })
).pipe(
  Command.withDescription("Run a service domain with the documents of a folder, and show what flows, for development"),
  Command.withExamples([
    {
      command: "kps up samples/nats --connector natsconnector=\"node apps/nats-connector/dist/main.js\"",
      description: "The connector of the original documentation, a function and a pipeline"
    }
  ])
)
