/**
 * What the command line asks for.
 */
import { Effect, Schema } from "effect"
import { resolve } from "node:path"
import { parseArgs } from "node:util"

/** Where the messages come from. */
export type Input =
  | { readonly _tag: "Generated" }
  | { readonly _tag: "File"; readonly path: string }
  | { readonly _tag: "Stdin" }

/** Core NATS, at most once; or JetStream, where what is killed loses nothing. */
export type Transport = "core" | "jetstream"

export interface Options {
  /** How many messages to send at most; absent: until the input ends, or for ever. */
  readonly once?: number
  /** Messages a second at most. Default: 100 generated readings a second, 20,000 lines of an input a second. */
  readonly rate: number
  readonly input: Input
  /** How messages travel on both brokers. Default: "core". */
  readonly transport: Transport
  /** Lines of text, also on a terminal. */
  readonly plain: boolean
}

/** A command line that cannot be understood: nothing was started. */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("demo/Options/InvalidOption")("InvalidOption", {
  option: Schema.String,
  /** What was given; absent: nothing was. */
  got: Schema.optionalKey(Schema.String),
  /** What is allowed there. */
  want: Schema.String
}) {
  override get message(): string {
    const got = this.got === undefined ? "" : ` ${JSON.stringify(this.got.slice(0, 200))}`
    return `${this.option}${got}: want ${this.want}`
  }
}

export const maxOnce = 1_000_000_000
export const minRate = 0.1
export const maxRate = 1_000_000
export const generatedRate = 100
export const inputRate = 20_000

export const help = `Runs a connector with real messages through it, on this machine alone.

  npm start -- [--once N] [--rate R] [--input FILE] [--transport T] [--plain]

A nats-server is started for the outside world, and "kps up" for the documents in samples/nats: the platform with a
nats-server of its own, its REST API, the NATS connector as a process and a data pipeline with a function. Messages go
out to the subject nats_in, through the connector to the pipeline, which sends on what it gets, and through the
connector again to nats_out, where they are counted. Ctrl-C ends it: what is under way is waited for, then summed up.
"npm run kps -- top" and its like look into it: the output says how.

  --once N      send N messages, wait until they are out, and end (1 to ${maxOnce})
  --rate R      messages a second at most, ${minRate} to ${maxRate}
                (default: ${generatedRate} for generated sensor readings, ${inputRate} for lines of an input)
  --input FILE  send the lines of FILE ("-": standard input) instead of sensor readings, and end; with --once N the
                first N lines. A line ends with LF or CR LF; its bytes travel as they are.
  --transport T core (default): both brokers are core NATS, at most once. jetstream: both store what they are given, and
                nothing is lost, whatever is killed. See below.
  --plain       lines of text, also on a terminal
  --help        this text

Each message is "SEQUENCE CRC32 " in ASCII and then the reading or the line: so what is lost, doubled or damaged on the
way is known and not guessed.

Flow control: core NATS drops what nobody takes in time. So at most 4096 messages or 8 MiB are under way at once, and
nothing is sent while a broker is away or a stream does not run. A real outside world would not wait; what is lost
all the same is counted.

With --transport jetstream: the sender resends what the outside broker has not confirmed, with the same message id; the
connector reads by sequence, keeps its place with the channel in JetStream, and writes outside with message ids; the
pipeline acknowledges what it has passed on. Kill -9 the connector or either nats-server, their pids are shown: each is
started again with its store, and goes on where it was. Sending goes on while the outside broker is there.

On a terminal it shows a live view: totals, latencies, messages of the last minute, processes, streams, alerts and what
happened last. Elsewhere, in the background, with TERM=dumb or CI set, or when lines are typed in (--input -), it writes
a line every two seconds. With NO_COLOR set the view has no colours.

The last line is "N sent, N delivered, N lost, N duplicated". Exit status: 0 when all came out, or when it ran without
an end and was told to stop; 1 when something was lost, doubled or not sent, or could not go on; 2 for bad options.
`

/** What will be sent, in words. */
export const describe = ({ input, once, rate, transport }: Options): string => {
  const what = input._tag === "Generated"
    ? "sensor readings"
    : `lines of ${input._tag === "File" ? input.path : "standard input"}`
  return `sending ${once === undefined ? "" : `${once} `}${what}, ${rate} a second at most${
    transport === "jetstream" ? ", over JetStream" : ""
  }`
}

const numberFrom = (option: string, got: string, want: string, allowed: (n: number) => boolean) => {
  const n = /^\d+(\.\d+)?$/.test(got) ? Number(got) : Number.NaN
  return allowed(n) ? Effect.succeed(n) : Effect.fail(new InvalidOption({ option, got, want }))
}

const wantedAfter = {
  once: "a number after it",
  rate: "a number after it",
  input: "a file, or - for standard input",
  transport: "core or jetstream"
} as const

const isValued = (name: string): name is keyof typeof wantedAfter => Object.hasOwn(wantedAfter, name)

const inputOf = (path: string, folder: string): Input =>
  path === "-" ? { _tag: "Stdin" } : { _tag: "File", path: resolve(folder, path) }

/**
 * Reads the command line; succeeds with `"help"` when that was asked for.
 *
 * **Details**
 *
 * One leading `--` is skipped: `pnpm start -- --once 5` hands it on, `npm start` does not. An option given twice counts
 * as the last one says. Relative paths start from `folder`.
 */
export const parse = Effect.fnUntraced(
  function*(args: ReadonlyArray<string>, folder: string): Effect.fn.Return<Options | "help", InvalidOption> {
    const given = new Map<string, string>()
    let plain = false
    const { tokens } = parseArgs({
      args: args[0] === "--" ? args.slice(1) : [...args],
      options: {
        once: { type: "string" },
        rate: { type: "string" },
        input: { type: "string" },
        transport: { type: "string" },
        plain: { type: "boolean" },
        help: { type: "boolean", short: "h" }
      },
      strict: false,
      tokens: true
    })
    for (const token of tokens) {
      if (token.kind === "positional") {
        return yield* new InvalidOption({ option: "argument", got: token.value, want: "none, see --help" })
      }
      if (token.kind !== "option") continue
      if (token.name === "help") return "help"
      if (token.name === "plain") {
        if (token.value !== undefined) {
          return yield* new InvalidOption({ option: token.rawName, got: token.value, want: "no value" })
        }
        plain = true
        continue
      }
      if (!isValued(token.name)) {
        const want = "one of --once, --rate, --input, --transport, --plain, --help"
        return yield* new InvalidOption({ option: "option", got: token.rawName, want })
      }
      // "--once --rate 5": the value was forgotten
      const forgotten = token.inlineValue === false && token.value?.startsWith("--")
      if (token.value === undefined || token.value === "" || forgotten) {
        return yield* new InvalidOption({ option: token.rawName, want: wantedAfter[token.name] })
      }
      given.set(token.name, token.value)
    }
    const once = given.get("once")
    const rate = given.get("rate")
    const path = given.get("input")
    const transport = given.get("transport") ?? "core"
    if (transport !== "core" && transport !== "jetstream") {
      return yield* new InvalidOption({ option: "--transport", got: transport, want: wantedAfter.transport })
    }
    const input: Input = path === undefined ? { _tag: "Generated" } : inputOf(path, folder)
    return {
      ...(once === undefined ? {} : {
        once: yield* numberFrom(
          "--once",
          once,
          `a whole number from 1 to ${maxOnce}`,
          (n) => Number.isInteger(n) && n >= 1 && n <= maxOnce
        )
      }),
      rate: rate === undefined
        ? input._tag === "Generated" ? generatedRate : inputRate
        : yield* numberFrom(
          "--rate",
          rate,
          `a number of messages a second from ${minRate} to ${maxRate}`,
          (n) => n >= minRate && n <= maxRate
        ),
      input,
      transport,
      plain
    }
  }
)
