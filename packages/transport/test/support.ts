import { Channel, NatsTransport, Transport } from "@kps/transport"
import type { NatsServer } from "@kps/transport/testing/NatsServer"
import { Context, type Duration, Effect, Option, References, Stream } from "effect"
import { get } from "node:http"

export const text = (value: string): Channel.Message => ({
  timestampNanos: 1n,
  payloads: [new TextEncoder().encode(value)]
})
export const read = ({ payloads }: Channel.Message) => payloads.map((bytes) => new TextDecoder().decode(bytes)).join()
export const channelOf = (name: string) => Channel.ChannelName.make(name)

/** Whether these tests are about the fast data path: `NatsClientPath.test.ts` runs them once more without. */
export const fastPath = process.env["KPS_NATS_FAST_PATH"] !== "off"

/** A transport of the test's own, connected or not, in the test's scope. */
export const transportOf = (options: NatsTransport.Options) =>
  NatsTransport.make({ fastPath, ...options }).pipe(
    Effect.map(Context.get(Transport.Transport)),
    Effect.provideService(References.MinimumLogLevel, "None")
  )

type Service = Transport.Transport["Service"]

/** Waits for a status, in real time, at most for `within`. */
export const statusWhere = (
  transport: Service,
  condition: (status: Transport.ConnectionStatus) => boolean,
  within: Duration.Input = "10 seconds"
) =>
  transport.statusChanges.pipe(
    Stream.filter(condition),
    Stream.runHead,
    Effect.timeoutOrElse({
      duration: within,
      orElse: () =>
        Effect.flatMap(transport.status, (status) => Effect.die(new Error(`still ${JSON.stringify(status)}`)))
    }),
    Effect.map(Option.getOrThrow)
  )

export const connected = (transport: Service, within?: Duration.Input) =>
  statusWhere(transport, ({ _tag }) => _tag === "Connected", within)
export const disconnected = (transport: Service, within?: Duration.Input) =>
  statusWhere(transport, ({ _tag }) => _tag === "Disconnected", within)

/** Polls until something is so, in real time, at most for `within`. */
export const until = <E, R>(
  what: string | (() => string),
  condition: Effect.Effect<boolean, E, R>,
  within: Duration.Input = "10 seconds"
) =>
  condition.pipe(
    Effect.flatMap((so) =>
      so ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), Effect.fail("not yet" as const))
    ),
    Effect.retry({ while: (error) => error === "not yet" }),
    Effect.timeoutOrElse({
      duration: within,
      orElse: () => Effect.die(new Error(`still waiting until ${typeof what === "string" ? what : what()}`))
    })
  )

/** Reads a subscription into an array, from now on. */
export const collected = (stream: Stream.Stream<Channel.Message, unknown>) =>
  Effect.gen(function*() {
    const received: Array<string> = []
    yield* stream.pipe(
      Stream.runForEachArray((messages) => Effect.sync(() => received.push(...messages.map(read)))),
      Effect.forkScoped
    )
    return received
  })

/** What a server says about itself, such as `/connz`; on a connection of its own, which is gone afterwards. */
export const monitored = <A>(server: NatsServer["Service"], path: string) =>
  Effect.callback<A>((resume) => {
    get(`${server.monitorUrl}${path}`, { agent: false }, (response) => {
      let body = ""
      response.setEncoding("utf8")
      response.on("data", (chunk: string) => {
        body += chunk
      })
      response.on("close", () => resume(Effect.sync(() => JSON.parse(body) as A)))
    }).on("error", (error) => resume(Effect.die(error)))
  })
