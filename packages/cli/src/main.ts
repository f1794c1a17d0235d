#!/usr/bin/env node
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import manifest from "../package.json" with { type: "json" }
import * as Kps from "./Kps.ts"
import * as Presenter from "./Presenter.ts"
import * as Report from "./Report.ts"

const exit = (code: number) =>
  Effect.sync(() => {
    process.exitCode = code
  })

Kps.command.pipe(
  Command.run({ version: manifest.version }),
  Effect.catch((error) =>
    CliError.isCliError(error)
      // the command has printed its help, and what is wrong with it
      ? exit(error._tag === "ShowHelp" && error.errors.length === 0 ? 0 : 2)
      : Effect.andThen(Console.error(Report.text(error)), exit(Report.exitCode(error)))
  ),
  Effect.provide(Layer.merge(NodeServices.layer, Presenter.layer)),
  NodeRuntime.runMain
)
