/** Ingress streams of tests: their sources, and what becomes of what these gave. */
import { Delivery } from "@kps/connector"
import { Effect, Stream } from "effect"
import { bytes, type Fault, type Hooks, Lost } from "./streams.ts"

export const lost = new Lost({ message: "gone" })
export const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`)
export const lossy = (stream: Stream.Stream<string, Fault>): Hooks => ({
  ingress: () => Effect.succeed(Delivery.lossy(Stream.map(stream, bytes)))
})
export const forever = <A>(stream: Stream.Stream<A>) => Stream.concat(stream, Stream.never)

/** An acknowledged source of these arrays that notes what becomes of them; then it goes on with `rest`. */
export const acknowledged = (
  arrays: ReadonlyArray<ReadonlyArray<string>>,
  log: Array<string>,
  rest: Stream.Stream<never, Fault> = Stream.never
): Hooks => ({
  ingress: () =>
    Effect.succeed(Delivery.acknowledged(
      Stream.concat(
        Stream.fromIterable(arrays).pipe(Stream.map((array) => {
          const [first, ...others] = array.map(bytes)
          const name = array.join("+")
          return {
            payloads: [first!, ...others] as const,
            ack: Effect.sync(() => {
              log.push(`ack ${name}`)
            }),
            nack: Effect.sync(() => {
              log.push(`nack ${name}`)
            })
          }
        })),
        rest
      )
    ))
})
