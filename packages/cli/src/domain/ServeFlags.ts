/**
 * The flags of the commands that run a service domain.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Schema from "effect/Schema"

/**
 * Spread into the flags of `kps serve` and `kps up`.
 *
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  svcdomain: Flag.String("svcdomain").pipe(
    Flag.withAlias("s"),
    Flag.withMetavar("NAME"),
    Flag.withDescription("The service domain that this machine is; its document is created where there is none"),
    Flag.withDefault("svc-domain-1")
  ),
  host: Flag.String("host").pipe(
    Flag.withMetavar("ADDRESS"),
    Flag.withDescription("Where the REST API listens; 127.0.0.1 serves this machine alone"),
    Flag.withDefault("127.0.0.1")
  ),
  port: Flag.Int("port").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Port of the REST API; 0: a free one"),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))),
    Flag.withDefault(8080)
  ),
  data: Flag.String("data").pipe(
    Flag.withMetavar("FOLDER"),
    Flag.withDescription(
      "Where its state is kept: the documents, what is stored on channels, the token of its context"
    ),
    Flag.withDefault(".kps")
  ),
  nats: Flag.String("nats").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription(
      "A NATS server with JetStream to use, with the credentials of the environment (NATS_USER, NATS_CREDS_FILE, …), in place of one that is started and kept in the data folder"
    ),
    Flag.optional
  ),
  transport: Flag.Literals("transport", ["core", "jetstream"]).pipe(
    Flag.withDescription("How messages travel between connectors and pipelines: core is at most once"),
    Flag.withDefault("core" as const)
  ),
  connector: Flag.String("connector").pipe(
    Flag.withMetavar("NAME=COMMAND|HOST:PORT"),
    Flag.withDescription(
      "How connectors of a class (or one instance) run: a command that is started, or where it is served; several times"
    ),
    Flag.atLeast(0)
  ),
  email: Flag.String("email").pipe(
    Flag.withDescription(
      "Who may log in, with the password of KPS_PASSWORD; without it nobody, and the context has the token"
    ),
    Flag.optional
  ),
  password: Flag.Redacted("password").pipe(
    Flag.withDescription("Of --email; better given by KPS_PASSWORD"),
    Flag.withFallbackConfig(Config.Redacted("KPS_PASSWORD")),
    Flag.optional
  ),
  context: Flag.String("context").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("The context that is made for it, and is the current one from then on"),
    Flag.withDefault("local")
  )
}
