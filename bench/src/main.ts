import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import * as Bench from "./Bench.ts"

Bench.run.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
