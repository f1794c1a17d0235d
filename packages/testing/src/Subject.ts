/**
 * What is under test, and everything of its surroundings that a case can lay hands on.
 *
 * What is optional belongs to a door, or to the description: a case that needs what is not there is skipped, and the
 * report says why.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import type { Transport } from "@connectrpc/connect"
import type { Connector } from "@kps/connector"
import type * as Proxy from "@kps/transport/testing/Proxy"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Description } from "./Description.ts"
import type { BedFailed, NotApplicable } from "./Outcome.ts"
import type * as Pipeline from "./Pipeline.ts"

/**
 * What came somewhere, in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Collected {
  readonly texts: () => ReadonlyArray<string>
}

/**
 * What an acknowledged or resumable ingress stream reads. Streams are known by their `{stream}`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  /** Makes what the stream reads, until the scope is closed. Not applicable where the outside cannot have it. */
  readonly prepare: (stream: string) => Effect.Effect<void, BedFailed | NotApplicable, Scope.Scope>
  /** Gives payloads to it, in order. */
  readonly feed: (stream: string, payloads: ReadonlyArray<string>) => Effect.Effect<void, BedFailed>
}

/**
 * The system that the connector connects. Streams are known by their `{stream}`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Outside {
  /** Gives payloads to what an ingress stream reads, in order. */
  readonly feed?: (stream: string, payloads: ReadonlyArray<string>) => Effect.Effect<void, BedFailed>
  /** What is read by streams that lose nothing when the connector is killed. */
  readonly sources?: { readonly acknowledged?: Source | undefined; readonly resumable?: Source | undefined }
  /** What an egress stream writes from now on. */
  readonly observe?: (stream: string) => Effect.Effect<Collected, BedFailed, Scope.Scope>
  /** Makes the outside unreachable, for every stream, and reachable again. */
  readonly faults?: { readonly break: Effect.Effect<void, BedFailed>; readonly mend: Effect.Effect<void, BedFailed> }
  /** Keeps the outside from taking or giving anything, without closing a connection, and lets it go on. */
  readonly pause?: { readonly hold: Effect.Effect<void>; readonly release: Effect.Effect<void> }
  /** What `{outside}` stands for. */
  readonly address?: string
  /** What `{unreachable}` stands for. */
  readonly unreachable?: (stream: string) => Effect.Effect<string, BedFailed>
  /** When a stream that cannot be reached was tried, in milliseconds of a clock that only goes forward. */
  readonly tries?: (stream: string) => ReadonlyArray<number>
}

/**
 * The connector as a process of the suite's own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Process {
  /** Starts it, and waits until the port answers. */
  readonly start: Effect.Effect<void, BedFailed>
  /** Starts it, and waits for nothing. */
  readonly launch: Effect.Effect<void>
  /**
   * Kills it and starts it with these variables beside its own (nothing for one: it is not set), and waits for nothing.
   * Closing the scope kills it; the next start is as ever.
   */
  readonly launchWith: (env: Readonly<Record<string, string | undefined>>) => Effect.Effect<void, never, Scope.Scope>
  readonly isRunning: Effect.Effect<boolean>
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => Effect.Effect<void>
  /** Waits for its end: the exit code, or the signal that ended it. */
  readonly exit: Effect.Effect<number | string>
  /** Memory that it holds now, in bytes; none where that cannot be told. */
  readonly memoryBytes: Effect.Effect<Option.Option<number>>
  /** What it has written so far, standard output and standard error of all its runs. */
  readonly output: Effect.Effect<string>
}

/**
 * Positions of ingress streams, by stream id.
 *
 * @category models
 * @since 0.1.0
 */
export interface Positions {
  /** Metadata of an ingress stream that goes on from its position when it starts again. */
  readonly metadata: JsonObject
  readonly get: (streamId: string) => Effect.Effect<Option.Option<Schema.Json>, BedFailed>
  readonly set: (streamId: string, position: Schema.Json) => Effect.Effect<void, BedFailed>
  /** Positions that a stream cannot go on from, by what is wrong with them: one from the future, corrupt ones. */
  readonly wrong: Readonly<Record<string, Schema.Json>>
}

/**
 * A look inside, for a connector within this process.
 *
 * @category models
 * @since 0.1.0
 */
export interface Probes {
  /** How many payloads the source of a stream was asked for so far. */
  readonly pulled?: (stream: string) => number
  /** How many payloads of a stream were acknowledged to its source. */
  readonly acknowledged?: (stream: string) => number
  /** Whether the source of a stream gives again what was not acknowledged to it, when the stream starts again. */
  readonly keeps?: boolean
  /** A hand on the positions that are kept of streams which go on from one. */
  readonly positions?: Positions
  /** Lets the source of a stream give payloads without end, as fast as they are taken. */
  readonly flood?: (stream: string) => Effect.Effect<void>
  /** What streams hold open: connections, files, subscriptions. */
  readonly open?: Effect.Effect<number>
  /** Keeps the platform's transport from taking anything, without an error, and lets it go on. */
  readonly gate?: { readonly hold: Effect.Effect<void>; readonly release: Effect.Effect<void> }
  /** What the connector counted, by stream id: payloads taken in, handed on, and frames that are none. */
  readonly counters?: (streamId: string) => Effect.Effect<
    { readonly received: number; readonly handedOn: number; readonly malformed: number }
  >
  /** Everything that was logged. */
  readonly logs?: Effect.Effect<string>
  /** The connector's definition, and what is shipped as its class: the text of the document, and of its template. */
  readonly shipped?: {
    readonly connector: Pick<Connector.Any, "name" | "definition">
    readonly document: string
    readonly template: string
  }
}

/**
 * How patient the suite is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Patience {
  /** How long something that has to come is waited for. */
  readonly within: Duration.Duration
  /** How long the suite looks that something that must not come does not. */
  readonly quiet: Duration.Duration
  /** How long a case goes on that looks at as much as there is time for. */
  readonly longest: Duration.Duration
  /** How long a removed stream may still be told of. */
  readonly forgotten: Duration.Duration
  /** How long the platform's broker is away, for the case that is about that. */
  readonly away: Duration.Duration
  /** How long one call may take. */
  readonly call: Duration.Duration
  /** How long a process may take to answer that was started with something else than usual. */
  readonly start: Duration.Duration
  /** How long it may take until a renewed certificate is shown, or renewed credentials are. */
  readonly renewal: Duration.Duration
  /** How long what was not acknowledged to its outside may take to come again. */
  readonly redelivery: Duration.Duration
}

/**
 * Service with what is under test.
 *
 * @category services
 * @since 0.1.0
 */
export class Subject extends Context.Service<Subject, {
  readonly description: Description
  /** How the contract is called. */
  readonly transport: Transport
  /** What to call its place: an address, or "this process". */
  readonly place: string
  /** Calls cross a socket: what a server does to bytes shows. */
  readonly overSocket: boolean
  /** Calls are made with TLS. */
  readonly overTls: boolean
  readonly pipeline: Pipeline.Pipeline
  readonly patience: Patience
  readonly outside?: Outside
  readonly process?: Process
  /** Starts another process of the same instance beside it, until the scope is closed: how the contract is called there. */
  readonly replica?: Effect.Effect<Transport, BedFailed, Scope.Scope>
  /** Sends the platform's broker away, as the connector sees it, and brings it back. */
  readonly broker?: { readonly leave: Effect.Effect<void>; readonly back: Effect.Effect<void> }
  /** What the connector's process and the platform's broker say to each other. */
  readonly line?: Pick<Proxy.Proxy, "hold" | "release" | "cut" | "asked">
  readonly probes?: Probes
}>()("@kps/testing/Subject") {}
