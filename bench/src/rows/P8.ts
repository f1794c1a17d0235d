/** GetEvents over gRPC, beside grpc-go and @grpc/grpc-js. */
import { Effect } from "effect"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import type { Goal } from "../engine/Goal.ts"
import * as GrpcEvents from "../engine/GrpcEvents.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Worker from "../engine/Worker.ts"

interface Options {
  readonly events: number
  readonly callers: number
  readonly goal: Goal
  readonly against: "grpc-go" | "grpc-js"
  readonly figure: "perSecond" | "p50Micros"
}

const of = ({ against, callers, events, figure, goal }: Options): Case => {
  const name = `GetEvents with ${events.toLocaleString("en")} events, ${callers} ${
    callers === 1 ? "caller" : "callers"
  }`
  return {
    name,
    run: Effect.gen(function*() {
      const file = yield* GrpcEvents.answerFile(events)
      const start = {
        "ours": () => Worker.node("serveEvents", { events }),
        "grpc-go": () => Worker.go("latest", "serveEvents", { file }),
        "grpc-js": () => Worker.node("grpcJsEvents", { file })
      }
      const side = Effect.fnUntraced(function*(name: string, server: keyof typeof start) {
        return yield* GrpcEvents.side(name, yield* start[server](), { events, callers })
      })
      const samples = yield* Compare.interleave([
        yield* side("ours", "ours"),
        yield* side(against, against),
        yield* side(`${against} again`, against),
        yield* side(against === "grpc-go" ? "grpc-js" : "grpc-go", against === "grpc-go" ? "grpc-js" : "grpc-go")
      ])
      return {
        lines: [Compare.line(samples, {
          what: `${name}, ${figure === "perSecond" ? "calls/s" : "p50 of a call"}, over ${against}`,
          goal,
          figure: (sample: GrpcEvents.Sample) => sample[figure],
          against,
          control: `${against} again`,
          format: figure === "perSecond" ? Flow.perSecond : (value) => `${value.toFixed(0)} us`,
          notes: ["one connection; the caller is grpc-go, and leaves answers encoded"]
        })]
      }
    })
  }
}

export const P8: Row = {
  name: "P8",
  what: "the contract over gRPC: a server with events, called by a client in a process of its own",
  cases: [
    of({ events: 10_000, callers: 2, goal: { atLeast: 1.5 }, against: "grpc-go", figure: "perSecond" }),
    of({ events: 10, callers: 32, goal: { atLeast: 0.6 }, against: "grpc-js", figure: "perSecond" }),
    of({ events: 10, callers: 1, goal: { atMost: 2 }, against: "grpc-js", figure: "p50Micros" })
  ]
}
