/**
 * The outside of a description: a NATS broker behind a proxy, commands, or both.
 *
 * @since 0.1.0
 */
import { NatsConnection, NatsTransport } from "@kps/transport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Command from "./Command.ts"
import type { Description } from "./Description.ts"
import * as JetStreamSource from "./JetStreamSource.ts"
import { BedFailed } from "./Outcome.ts"
import * as Proxy from "./Proxy.ts"
import type { Outside, Source } from "./Subject.ts"
import * as Template from "./Template.ts"

type Described = NonNullable<Description["outside"]>

const natsFailed = (url: string) => ({ message }: { readonly message: string }) =>
  new BedFailed({ problem: `the outside broker ${url.replace(/\/\/.*@/, "//")}: ${message}` })

const nats = Effect.fnUntraced(function*(
  { egress, ingress, jetstream }: NonNullable<Described["nats"]>,
  url: string
): Effect.fn.Return<Outside, BedFailed, Scope.Scope> {
  const proxy = yield* Proxy.make(url.replace(/^(?:[a-z]+:\/\/)?(?:.*@)?/, ""))
  const services = yield* NatsTransport.make({ servers: [url], name: "kps conform, outside" }).pipe(
    Effect.mapError(natsFailed(url))
  )
  const current = Context.get(services, NatsConnection.NatsConnection).current.pipe(Effect.mapError(natsFailed(url)))
  yield* current
  const flush = (client: Effect.Success<typeof current>) =>
    Effect.tryPromise({ try: () => client.flush(), catch: (cause) => natsFailed(url)(asError(cause)) })
  return {
    address: proxy.address,
    faults: { break: proxy.leave, mend: proxy.back },
    pause: { hold: proxy.hold("everything"), release: proxy.release },
    ...(jetstream === undefined ? {} : both(JetStreamSource.make(current, jetstream))),
    ...(ingress === undefined ? {} : {
      feed: Effect.fnUntraced(function*(stream, payloads) {
        const client = yield* current
        const subject = Template.text(ingress, { stream })
        for (const text of payloads) client.publish(subject, text)
        yield* flush(client)
      })
    }),
    ...(egress === undefined ? {} : {
      observe: Effect.fnUntraced(function*(stream) {
        const client = yield* current
        const texts: Array<string> = []
        yield* Effect.acquireRelease(
          Effect.sync(() =>
            client.subscribe(Template.text(egress, { stream }), {
              callback: (_, message) => {
                texts.push(message.string())
              }
            })
          ),
          (subscription) => Effect.sync(() => subscription.unsubscribe())
        )
        yield* flush(client)
        return { texts: () => texts }
      })
    })
  }
})

const both = (source: Source): Outside => ({ sources: { acknowledged: source, resumable: source } })

const asError = (cause: unknown): Error => cause instanceof Error ? cause : new Error(String(cause))

const commands = ({ break: breaks, feed, mend, observe }: Described): Outside => ({
  ...(feed === undefined ? {} : {
    feed: (stream, payloads) => Command.run(feed, { KPS_STREAM: stream }, payloads)
  }),
  ...(observe === undefined ? {} : {
    observe: Effect.fnUntraced(function*(stream) {
      const texts: Array<string> = []
      yield* Command.follow(observe, { KPS_STREAM: stream }, (line) => {
        texts.push(line)
      })
      return { texts: () => texts }
    })
  }),
  ...(breaks === undefined || mend === undefined ? {} : {
    faults: { break: Command.run(breaks, {}), mend: Command.run(mend, {}) }
  })
})

const sourceOf = ({ clear, feed, prepare }: NonNullable<Described["acknowledged"]>): Source => ({
  prepare: (stream) =>
    Effect.asVoid(Effect.acquireRelease(
      prepare === undefined ? Effect.void : Command.run(prepare, { KPS_STREAM: stream }),
      () => clear === undefined ? Effect.void : Effect.ignore(Command.run(clear, { KPS_STREAM: stream }))
    )),
  feed: (stream, payloads) => Command.run(feed, { KPS_STREAM: stream }, payloads)
})

/** What has no way of its own is fed as working streams are. */
const withSources = (outside: Outside, { acknowledged, resumable }: Described): Outside => {
  const { feed, sources } = outside
  const working = feed === undefined ? undefined : { prepare: () => Effect.void, feed }
  const own = (commands: Described["acknowledged"]) => commands === undefined ? undefined : sourceOf(commands)
  return {
    ...outside,
    sources: {
      acknowledged: own(acknowledged) ?? sources?.acknowledged ?? working,
      resumable: own(resumable) ?? sources?.resumable ?? working
    }
  }
}

/**
 * Makes the outside of a description, in the scope; `platform` is the broker where it names none. Commands come before
 * what a broker can do.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  outside: Described | undefined,
  platform: string
): Effect.fn.Return<Outside, BedFailed, Scope.Scope> {
  const refusers = yield* Proxy.refusers()
  const counting = { unreachable: refusers.address, tries: refusers.tries }
  if (outside === undefined) return counting
  return withSources({
    ...counting,
    ...(outside.nats === undefined ? {} : yield* nats(outside.nats, outside.nats.url ?? platform)),
    ...commands(outside)
  }, outside)
})
