/** The codec of the data path beside the generated one. */
import { Effect, Schema } from "effect"
import * as Compare from "../engine/Compare.ts"
import * as Flow from "../engine/Flow.ts"
import type { Case, Row } from "../engine/Row.ts"
import * as Worker from "../engine/Worker.ts"

const Sample = Schema.Struct({ perSecond: Schema.Finite, right: Schema.Boolean })
type Sample = typeof Sample.Type

const side = Effect.fnUntraced(function*(name: string, codec: "generated" | "hand", direction: "encode" | "decode") {
  const worker = yield* Worker.node("codec", { codec, direction, size: 16 })
  return { name, round: (millis: number) => worker.ask({ do: "work", millis }, Sample) }
})

const direction = (which: "encode" | "decode", atLeast: number): Case => ({
  name: which,
  run: Effect.gen(function*() {
    const samples = yield* Compare.interleave([
      yield* side("ours", "hand", which),
      yield* side("generated", "generated", which),
      yield* side("generated again", "generated", which)
    ], { roundMillis: 200, warmUpMillis: 400 })
    return {
      lines: [Compare.line(samples, {
        what: `${which} a message of one payload of 16 B, messages/s`,
        goal: { atLeast },
        figure: ({ perSecond }: Sample) => perSecond,
        against: "generated",
        control: "generated again",
        format: Flow.perSecond,
        fault: (all) => all.every(({ right }) => right) ? undefined : "wrong results"
      })]
    }
  })
})

export const P12: Row = {
  name: "P12",
  what: "our codec over the generated one, each in a process of its own",
  cases: [direction("encode", 5), direction("decode", 4)]
}
