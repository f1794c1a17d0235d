import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, References } from "effect"
import * as Soak from "./Soak.ts"

Soak.run.pipe(
  Effect.provideService(References.MinimumLogLevel, "None"),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
