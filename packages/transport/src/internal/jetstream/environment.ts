/** The documented environment of streams. */
import * as Config from "effect/Config"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { StreamOptions } from "../../JetStream.ts"

const variables = Config.all({
  replicas: Config.option(Config.Int("NATS_JS_REPLICAS")),
  storage: Config.option(Config.schema(Schema.Literals(["file", "memory"]), "NATS_JS_STORAGE")),
  discard: Config.option(Config.schema(Schema.Literals(["old", "new"]), "NATS_JS_DISCARD")),
  maxAge: Config.option(Config.Duration("NATS_JS_MAX_AGE")),
  duplicateWindow: Config.option(Config.Duration("NATS_JS_DUPLICATE_WINDOW")),
  maxBytes: Config.option(Config.Int("NATS_JS_MAX_BYTES")),
  maxMessages: Config.option(Config.Int("NATS_JS_MAX_MESSAGES")),
  onDifference: Config.option(Config.schema(Schema.Literals(["fail", "grow"]), "NATS_JS_ON_DIFFERENCE"))
})

export const stream: Config.Config<StreamOptions> = Config.map(variables, (given) => ({
  replicas: Option.getOrUndefined(given.replicas),
  storage: Option.getOrUndefined(given.storage),
  discard: Option.getOrUndefined(given.discard),
  maxAge: Option.getOrUndefined(given.maxAge),
  duplicateWindow: Option.getOrUndefined(given.duplicateWindow),
  maxBytes: Option.getOrUndefined(given.maxBytes),
  maxMessages: Option.getOrUndefined(given.maxMessages),
  onDifference: Option.getOrUndefined(given.onDifference)
}))
