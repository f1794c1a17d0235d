/**
 * A service domain in this process, as the flags ask for it, and the context that leads to it.
 *
 * @since 0.1.0
 */
import { ServiceDomain as ServiceDomainDocument } from "@kps/resources"
import { ConnectorTarget, RestServer, ServiceDomain } from "@kps/service-domain"
import { NatsTransport } from "@kps/transport"
import type * as Command from "effect/cli/Command"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import { BadSelection } from "../CommandError.ts"
import * as Contexts from "./Contexts.ts"
import * as DataFolder from "./DataFolder.ts"
import type { flags } from "./ServeFlags.ts"

/**
 * What the flags say.
 *
 * @category models
 * @since 0.1.0
 */
export type Options = Command.Command.Config.Infer<typeof flags>

/** The broker of `--nats`, with the credentials of the environment, as connectors get them too. */
const given = (url: string) =>
  Effect.provide(
    NatsTransport.optionsEnv,
    ConfigProvider.layerAdd(ConfigProvider.fromUnknown({ NATS_BROKER: url }), { asPrimary: true })
  )

/** Standard output is for what was asked for: what is logged goes to standard error. */
const logging = Logger.layer([Logger.withConsoleError(Logger.formatLogFmt)])

/**
 * Runs the service domain in the scope, and makes its context the current one. Succeeds when its REST API is served, with
 * where that is. Connectors are asked for their events and streams every 5 seconds, or as often as it is said.
 *
 * @category running
 * @since 0.1.0
 */
export const start = Effect.fnUntraced(function*(
  options: Options,
  { scrapeInterval }: { readonly scrapeInterval?: Duration.Input } = {}
) {
  const path = yield* Path.Path
  const folder = path.resolve(options.data)
  const { email, host, nats, password, port, transport } = options
  if (Option.isSome(email) && Option.isNone(password)) {
    return yield* new BadSelection({ problem: "--email needs a password: set KPS_PASSWORD" })
  }
  // the document that is made has this name: what is wrong with it is told before anything is started
  yield* ServiceDomainDocument.decode({ name: options.svcdomain })
  const connectors = yield* Effect.forEach(options.connector, (text) => Effect.fromResult(ConnectorTarget.parse(text)))
  const { token } = yield* DataFolder.open(folder)
  const context = yield* Layer.build(
    ServiceDomain.layer({
      name: options.svcdomain,
      transport,
      broker: Option.isNone(nats) ? { folder: path.join(folder, "nats") } : yield* given(nats.value),
      access: {
        token: Redacted.make(token),
        accounts: Option.isSome(email) && Option.isSome(password)
          ? [{ email: email.value, password: password.value }]
          : []
      },
      rest: { host, port },
      ...(scrapeInterval === undefined ? {} : { scrapeInterval }),
      connectors: Object.fromEntries(connectors)
    }).pipe(Layer.provide(logging))
  )
  const { port: listening } = yield* Effect.provide(RestServer.RestServer, context)
  // of all addresses of this machine, the one that is reached from it
  const reached = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  const url = `http://${reached.includes(":") ? `[${reached}]` : reached}:${listening}`
  yield* Contexts.put(options.context, { url, token })
  yield* Console.log(
    `service domain ${JSON.stringify(options.svcdomain)} at ${url}, its data in ${folder}; browse ${url}/docs`
  )
  yield* Console.log(`context ${JSON.stringify(options.context)} leads to it, and is the current one now`)
  return { url, token }
})

/**
 * Runs a service domain until interrupted.
 *
 * @category running
 * @since 0.1.0
 */
export const serve = (options: Options) => Effect.scoped(Effect.andThen(start(options), Effect.never))
