/**
 * How one document names another: by its id, or in a file by its name.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { list } from "./internal/text.ts"
import * as InvalidResource from "./InvalidResource.ts"
import * as Violation from "./Violation.ts"

/**
 * A document that can be named.
 *
 * @category models
 * @since 0.1.0
 */
export interface Named {
  readonly id?: string
  readonly name: string
}

/**
 * Looks up references, and remembers those that lead nowhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resolver {
  /** The id that a reference means; the reference itself where it means none, which `failures` then tells. */
  readonly idOf: (reference: string, documents: ReadonlyArray<Named>, what: string, path: string) => string
  /** What was wrong so far. */
  readonly failures: ReadonlyArray<Violation.Violation>
}

/**
 * Makes a resolver.
 *
 * **Details**
 *
 * A reference is the id of a document, or else the name of exactly one: a class of which there are several versions has to
 * be named by its id.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resolver = (): Resolver => {
  const failures: Array<Violation.Violation> = []
  return {
    failures,
    idOf: (reference, documents, what, path) => {
      if (documents.some(({ id }) => id === reference)) return reference
      const [id, ...others] = documents.flatMap(({ id, name }) => name === reference && id !== undefined ? [id] : [])
      if (id !== undefined && others.length === 0) return id
      failures.push(Violation.make(
        path,
        id === undefined
          ? `the id or the name of ${what} (known: ${list(new Set(documents.map(({ name }) => name)))})`
          : `the id of ${what}, as ${others.length + 1} have that name (${list([id, ...others])})`,
        reference
      ))
      return reference
    }
  }
}

/**
 * Gives what `resolve` makes, or fails with every reference that leads nowhere.
 *
 * @category constructors
 * @since 0.1.0
 */
export const resolving = <A>(
  subject: string,
  resolve: (resolver: Resolver) => A
): Effect.Effect<A, InvalidResource.InvalidResource> =>
  Effect.suspend(() => {
    const made = resolver()
    const resolved = resolve(made)
    return Effect.as(InvalidResource.unless(subject, made.failures), resolved)
  })
