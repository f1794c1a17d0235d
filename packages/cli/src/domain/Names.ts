/**
 * Documents by what people call them: their names, or their ids.
 *
 * @since 0.1.0
 */
import type { Kind } from "@kps/service-domain"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Domain } from "./Domain.ts"
import * as Noun from "./Noun.ts"

/**
 * Nothing has that name, or several things have.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotNamed extends Schema.TaggedError<NotNamed>("@kps/cli/domain/Names/NotNamed")("NotNamed", {
  noun: Schema.String,
  name: Schema.String,
  /** Of those that have the name. */
  ids: Schema.Array(Schema.String),
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    if (this.ids.length > 0) {
      return `${this.ids.length} of kind ${this.noun} are named ${JSON.stringify(this.name)}: give the id of one (${
        this.ids.join(", ")
      })`
    }
    const known = this.known.length === 0 ? "there is none" : `known: ${this.known.slice(0, 20).join(", ")}`
    return `no ${this.noun} has the name or the id ${JSON.stringify(this.name)} (${known})`
  }
}

/**
 * The document that is meant among some.
 *
 * @category matching
 * @since 0.1.0
 */
export const among = <A extends { readonly id?: string; readonly name: string }>(
  noun: string,
  documents: ReadonlyArray<A>,
  name: string
): Effect.Effect<A & { readonly id: string }, NotNamed> => {
  const isKept = (document: A): document is A & { readonly id: string } => document.id !== undefined
  const kept = documents.filter(isKept)
  const byId = kept.find(({ id }) => id === name)
  if (byId !== undefined) return Effect.succeed(byId)
  const [first, ...others] = kept.filter((document) => document.name === name)
  return first !== undefined && others.length === 0
    ? Effect.succeed(first)
    : Effect.fail(
      new NotNamed({
        noun,
        name,
        ids: first === undefined ? [] : [first, ...others].map(({ id }) => id),
        known: [...new Set(kept.map(({ name }) => name))].toSorted()
      })
    )
}

/**
 * The document of a kind that is meant. Fails with `NotNamed`.
 *
 * @category matching
 * @since 0.1.0
 */
export const find = Effect.fnUntraced(function*<K extends Kind.Kind>(kind: K, name: string) {
  const { documents } = yield* Domain
  return yield* among<Kind.Values[K]>(Noun.of(kind), yield* documents[kind].all, name)
})
