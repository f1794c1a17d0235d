/**
 * What the kinds of documents are called on a command line.
 *
 * @since 0.1.0
 */
import type { Kind } from "@kps/service-domain"
import * as Effect from "effect/Effect"
import * as Record from "effect/Record"
import * as Schema from "effect/Schema"

/**
 * Of each kind: what it is called, and what else is understood.
 *
 * @category models
 * @since 0.1.0
 */
export const nouns: { readonly [K in Kind.Kind]: readonly [noun: string, ...others: ReadonlyArray<string>] } = {
  category: ["category", "categories"],
  serviceDomain: ["svcdomain", "svcdomains", "servicedomain", "servicedomains", "edge", "edges"],
  project: ["project", "projects"],
  connectorClass: ["connectorclass", "connectorclasses"],
  connectorInstance: ["connectorinstance", "connectorinstances"],
  connectorStream: ["connectorstream", "connectorstreams"],
  connectorConfig: ["connectorconfig", "connectorconfigs"],
  function: ["function", "functions"],
  dataPipeline: ["datapipeline", "datapipelines", "pipeline", "pipelines"]
}

/**
 * What a kind is called: `connectorstream`.
 *
 * @category formatting
 * @since 0.1.0
 */
export const of = (kind: Kind.Kind): string => nouns[kind][0]

/**
 * All nouns, for help and messages.
 *
 * @category formatting
 * @since 0.1.0
 */
export const list = Object.values(nouns).map(([noun]) => noun).join(", ")

/**
 * A noun that is none.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownNoun extends Schema.TaggedError<UnknownNoun>("@kps/cli/domain/Noun/UnknownNoun")("UnknownNoun", {
  got: Schema.String,
  known: Schema.String
}) {
  override get message(): string {
    return `want a kind of document (${this.known}), got ${JSON.stringify(this.got)}`
  }
}

/**
 * The kind that is meant, in any case, singular or plural.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string, known: string = list): Effect.Effect<Kind.Kind, UnknownNoun> => {
  const kind = Record.keys(nouns).find((kind) => nouns[kind].includes(text.toLowerCase()))
  return kind === undefined ? Effect.fail(new UnknownNoun({ got: text, known })) : Effect.succeed(kind)
}
