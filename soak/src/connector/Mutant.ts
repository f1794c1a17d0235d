/**
 * Connectors that break one rule, to see that the harness notices. Each is made of wrapped layers and of the test
 * connector's own code: what is shipped has no such switch.
 */
import { JetStream, Transport } from "@kps/transport"
import { Context, Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"

export const mutants = [
  "none",
  "acknowledges before it is confirmed",
  "forgets the id",
  "saves the position early",
  "has no fence"
] as const

export type Mutant = typeof mutants[number]

export const isMutant = (text: string): text is Mutant => mutants.some((mutant) => mutant === text)

/** So far ahead of what was read, where nothing else is said. */
const early = 50

/** The position that a source says: where to read on. */
export const position = (mutant: Mutant, next: number, ahead = early): number =>
  mutant === "saves the position early" ? next + ahead : next

/** The id that a sink knows an item by. */
export const id = (mutant: Mutant, id: string, attempt: number): string =>
  mutant === "forgets the id" ? `${randomUUID()}-${attempt}` : id

/** Says that it is done, and does it a little later, in the same order. */
const later = <A extends ReadonlyArray<unknown>, E>(publish: (...args: A) => Effect.Effect<void, E>) => (...args: A) =>
  Effect.asVoid(Effect.forkDetach(Effect.ignore(Effect.delay(publish(...args), "100 millis"))))

const transportOf = (mutant: Mutant, transport: Transport.Transport["Service"]): Transport.Transport["Service"] =>
  mutant === "acknowledges before it is confirmed"
    ? { ...transport, publishConfirmed: later(transport.publishConfirmed) }
    : transport

/** Of writers that expect nothing of what is stored before them. */
const unfenced = (transport: Transport.Transport["Service"]): JetStream.JetStream["Service"]["writer"] => (channel) =>
  Effect.succeed({
    publishAll: (messages, options) => transport.publishAll(channel, messages, options),
    publishConfirmed: (messages, options) => transport.publishConfirmed(channel, messages, options),
    flush: transport.flush,
    sequence: Effect.succeed(0)
  })

const jetStreamOf = (
  mutant: Mutant,
  jetStream: JetStream.JetStream["Service"],
  plain: Transport.Transport["Service"]
): JetStream.JetStream["Service"] => {
  switch (mutant) {
    case "acknowledges before it is confirmed":
      return {
        ...jetStream,
        writer: (channel, options) =>
          Effect.map(jetStream.writer(channel, options), (writer) => ({
            ...writer,
            publishConfirmed: later(writer.publishConfirmed)
          }))
      }
    case "has no fence":
      return { ...jetStream, writer: unfenced(plain) }
    default:
      return jetStream
  }
}

/**
 * What a connector that breaks a rule has for its transport, over what is given. `plain` publishes without an order, for
 * the one that has no fence: the order is what keeps out a writer that was stopped. Default: the transport itself.
 */
export const layer = (
  mutant: Mutant,
  plain?: Layer.Layer<Transport.Transport>
): Layer.Layer<Transport.Transport | JetStream.JetStream, never, Transport.Transport | JetStream.JetStream> =>
  Layer.effectContext(Effect.gen(function*() {
    const transport = yield* Transport.Transport
    const jetStream = yield* JetStream.JetStream
    const unordered = mutant === "has no fence" && plain !== undefined
      ? Context.get(yield* Layer.build(plain), Transport.Transport)
      : transport
    return Context.make(Transport.Transport, transportOf(mutant, transport)).pipe(
      Context.add(JetStream.JetStream, jetStreamOf(mutant, jetStream, unordered))
    )
  }))
