/**
 * What a list is filtered by: like the WHERE of SQL, over the keys of its documents.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"

/**
 * A value of a key, or of a literal.
 *
 * @category models
 * @since 0.1.0
 */
export type Value = string | number | boolean

/**
 * Whether a document is asked for. A key that the document has not is `undefined`.
 *
 * @category models
 * @since 0.1.0
 */
export type Filter = (valueOf: (key: string) => Value | undefined) => boolean

interface Token {
  readonly kind: "word" | "text" | "number" | "sign" | "end"
  readonly text: string
}

const pattern = /\s*(?:'((?:[^']|'')*)'|(-?\d+(?:\.\d+)?)(?![\w.])|([A-Za-z_][\w.]*)|(<=|>=|<>|!=|[=<>(),])|(\S))/gy

const end: Token = { kind: "end", text: "the end" }

const tokensOf = (text: string): ReadonlyArray<Token> => {
  const tokens = Array.from(text.trimEnd().matchAll(pattern), ([, quoted, number, word, sign, other]): Token => {
    if (quoted !== undefined) return { kind: "text", text: quoted.replaceAll("''", "'") }
    if (number !== undefined) return { kind: "number", text: number }
    if (word !== undefined) return { kind: "word", text: word }
    return { kind: "sign", text: sign ?? other ?? "" }
  })
  return [...tokens, end]
}

const shown = ({ kind, text }: Token): string => kind === "end" ? text : JSON.stringify(text.slice(0, 100))

/** Ends the parsing where it stands: caught by `parse`, which has the only other side of it. */
class Refused extends Error {}

const maxDepth = 50

class Parser {
  private at = 0
  private depth = 0

  private readonly tokens: ReadonlyArray<Token>
  private readonly keys: ReadonlyArray<string>

  constructor(tokens: ReadonlyArray<Token>, keys: ReadonlyArray<string>) {
    this.tokens = tokens
    this.keys = keys
  }

  whole(): Filter {
    const filter = this.either()
    if (this.next().kind !== "end") this.refuse("AND, OR or the end")
    return filter
  }

  private next(): Token {
    return this.tokens[this.at] ?? end
  }

  private refuse(wanted: string): never {
    throw new Refused(`expected ${wanted}, got ${shown(this.next())}`)
  }

  private take(...words: ReadonlyArray<string>): boolean {
    const isThere = words.every((word, n) => {
      const token = this.tokens[this.at + n]
      return token?.kind !== "text" && token?.text.toUpperCase() === word
    })
    if (isThere) this.at += words.length
    return isThere
  }

  private either(): Filter {
    let left = this.both()
    while (this.take("OR")) {
      const [one, other] = [left, this.both()]
      left = (valueOf) => one(valueOf) || other(valueOf)
    }
    return left
  }

  private both(): Filter {
    let left = this.single()
    while (this.take("AND")) {
      const [one, other] = [left, this.single()]
      left = (valueOf) => one(valueOf) && other(valueOf)
    }
    return left
  }

  private single(): Filter {
    if (++this.depth > maxDepth) throw new Refused(`expected at most ${maxDepth} conditions in each other`)
    const filter = this.condition()
    this.depth--
    return filter
  }

  private condition(): Filter {
    if (this.take("NOT")) {
      const filter = this.single()
      return (valueOf) => !filter(valueOf)
    }
    if (this.take("(")) {
      const filter = this.either()
      if (!this.take(")")) this.refuse("\")\"")
      return filter
    }
    const key = this.key()
    if (this.take("IS", "NOT", "NULL")) return (valueOf) => valueOf(key) !== undefined
    if (this.take("IS", "NULL")) return (valueOf) => valueOf(key) === undefined
    const isNot = this.take("NOT")
    if (this.take("LIKE")) {
      const like = likeOf(this.text())
      return (valueOf) => {
        const value = valueOf(key)
        return value !== undefined && like(String(value)) !== isNot
      }
    }
    if (this.take("IN")) {
      const values = this.list()
      return (valueOf) => {
        const value = valueOf(key)
        return value !== undefined && values.some((wanted) => equals(value, wanted)) !== isNot
      }
    }
    if (isNot) this.refuse("LIKE or IN")
    return this.comparison(key)
  }

  private comparison(key: string): Filter {
    const sign = this.next().text
    const compare = this.next().kind === "sign" && Object.hasOwn(comparisons, sign) ? comparisons[sign] : undefined
    if (compare === undefined) return this.refuse("=, !=, <>, <, <=, >, >=, LIKE, IN or IS")
    this.at++
    const wanted = this.value()
    return (valueOf) => {
      const value = valueOf(key)
      return value !== undefined && compare(value, wanted)
    }
  }

  private key(): string {
    const { kind, text } = this.next()
    if (kind !== "word" || !this.keys.includes(text)) return this.refuse(`a key (${this.keys.join(", ")})`)
    this.at++
    return text
  }

  private value(): Value {
    const { kind, text } = this.next()
    if (kind === "text" || kind === "number") {
      this.at++
      return kind === "text" ? text : Number(text)
    }
    if (this.take("TRUE")) return true
    return this.take("FALSE") ? false : this.refuse("a value: 'text', a number, true or false")
  }

  private text(): string {
    const { kind, text } = this.next()
    if (kind !== "text") return this.refuse("a pattern in single quotes")
    this.at++
    return text
  }

  private list(): ReadonlyArray<Value> {
    if (!this.take("(")) this.refuse("\"(\"")
    const values = [this.value()]
    while (this.take(",")) values.push(this.value())
    if (!this.take(")")) this.refuse("\",\" or \")\"")
    return values
  }
}

/** As text where they are of two kinds: a filter has quotes around everything. */
const equals = (a: Value, b: Value): boolean => a === b || String(a) === String(b)

const isBefore = (a: Value, b: Value): boolean =>
  typeof a === "number" && Number.isFinite(Number(b)) ? a < Number(b) : String(a) < String(b)

const comparisons: Readonly<Record<string, (value: Value, wanted: Value) => boolean>> = {
  "=": equals,
  "!=": (value, wanted) => !equals(value, wanted),
  "<>": (value, wanted) => !equals(value, wanted),
  "<": isBefore,
  "<=": (value, wanted) => isBefore(value, wanted) || equals(value, wanted),
  ">": (value, wanted) => !isBefore(value, wanted) && !equals(value, wanted),
  ">=": (value, wanted) => !isBefore(value, wanted)
}

/** `%` stands for any text, `_` for one character. Takes time in proportion to the text, whatever the pattern is. */
const likeOf = (pattern: string): (text: string) => boolean => {
  const wanted = Array.from(pattern)
  return (text) => {
    const chars = Array.from(text)
    let [at, from, star, restart] = [0, 0, -1, 0]
    while (at < chars.length) {
      const want = wanted[from]
      if (want === "%") [star, restart, from] = [from, at, from + 1]
      else if (want === "_" || (want !== undefined && want === chars[at])) [at, from] = [at + 1, from + 1]
      else if (star !== -1) [from, restart, at] = [star + 1, restart + 1, restart + 1]
      else return false
    }
    return wanted.slice(from).every((want) => want === "%")
  }
}

/**
 * Reads a filter.
 *
 * **Details**
 *
 * `name LIKE 'foo%' AND (type = 'INGRESS' OR id IN ('a', 'b'))`: comparisons (`=`, `!=`, `<>`, `<`, `<=`, `>`, `>=`),
 * `[NOT] LIKE`, `[NOT] IN`, `IS [NOT] NULL`, with `AND`, `OR`, `NOT` and parentheses; words in any case; text in single
 * quotes, of which two stand for one. Fails with what was expected where.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string, keys: ReadonlyArray<string>): Result.Result<Filter, string> =>
  Result.try({
    try: () => new Parser(tokensOf(text), keys).whole(),
    // anything else is a bug, and told as one
    catch: (cause) => cause instanceof Refused ? cause.message : String(cause)
  })
