/** What the broker says about a message that it delivers, in the subject that it is acknowledged on. */

export interface Meta {
  /** How often it was delivered, this time too. */
  readonly count: number
  /** In the stream. */
  readonly sequence: number
  /** Of all deliveries of the consumer. */
  readonly delivery: number
  /** When it was stored: milliseconds since the Unix epoch. */
  readonly storedMillis: number
  /** Messages that are behind it in the stream, when it was delivered. */
  readonly pending: number
}

const prefix = "$JS.ACK."
const dot = 0x2e
/** `$JS.ACK.<stream>.<consumer>.<count>.<sequence>.<delivery>.<stored>.<pending>` */
const shortTokens = 9
/** The same with a domain and an account before the stream, and perhaps a token at the end. */
const longTokens = 11
const nanosPerMilli = 1_000_000

/** `undefined` when it is no such subject. */
export const metaOf = (subject: string): Meta | undefined => {
  if (!subject.startsWith(prefix)) return undefined
  let dots = 0
  for (let i = prefix.length; i < subject.length; i++) if (subject.charCodeAt(i) === dot) dots++
  // two of them are in the prefix, and there is one token more than dots
  const tokens = dots + 3
  if (tokens !== shortTokens && tokens < longTokens) return undefined
  let skip = tokens === shortTokens ? 2 : 4
  let i = prefix.length
  while (skip > 0) if (subject.charCodeAt(i++) === dot) skip--
  const number = (): number => {
    let value = 0
    for (; i < subject.length; i++) {
      const code = subject.charCodeAt(i)
      if (code === dot) break
      value = value * 10 + code - 48
    }
    i++
    return value
  }
  return {
    count: number(),
    sequence: number(),
    delivery: number(),
    storedMillis: Math.floor(number() / nanosPerMilli),
    pending: number()
  }
}

/** Where a message is acknowledged that was delivered before, to whomever. */
export const subjectOf = (stream: string, consumer: string, sequence: number, delivery: number): string =>
  `${prefix}${stream}.${consumer}.1.${sequence}.${delivery}.0.0`
