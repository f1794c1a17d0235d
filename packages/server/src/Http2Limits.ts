/**
 * What one caller may take of the server, and all of them together: every limit of HTTP/2 in one place.
 *
 * The contract is three small calls, made by a platform, an operator and a probe or two. So the limits are far above
 * what they need and far below what would hurt, and none of them is an option. docs/security.md shows them, and a test
 * compares.
 *
 * @since 0.1.0
 */
import type * as http2 from "node:http2"

/**
 * The limits. Times are in milliseconds, sizes in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = {
  /** Bytes of a request, decompressed. The largest reply (GetEvents) has about as many. */
  messageBytes: 4 << 20,

  /**
   * Bytes of requests that are being read and of replies that are being sent, of all callers together. A message has
   * its own limit, but 100 calls on each of 500 connections may each be within it. Beyond: RESOURCE_EXHAUSTED, but for
   * calls that hold no more than `smallBytes`: those of everybody else.
   */
  heldBytes: 64 << 20,
  smallBytes: 8 << 10,

  /**
   * How long the one request of a call may take to come, and its one reply to be taken. Whoever is slower than 4 MiB in
   * that time holds memory on purpose; the call is reset.
   */
  transferMillis: 30_000,

  /** Calls in flight on one connection; a client of HTTP/2 keeps more of them waiting on its side. */
  concurrentStreams: 100,

  /**
   * Calls beyond those 100 that are refused before the connection is closed: a client learns the limit only with the
   * first answer, and may have sent more until then.
   */
  rejectedStreams: 100,

  /**
   * Bytes of the headers of one call, names and values, with 32 for each as RFC 9113 counts; those of a gRPC call are
   * about 500. Beyond: the call is reset. In force once the client has confirmed the settings; 64 KiB until then.
   */
  headerListBytes: 16 << 10,

  /** Headers of one call; a gRPC call has about ten. Beyond: the call is reset. */
  headerPairs: 64,

  /**
   * Megabytes that one connection may use for its headers, its tables and what is queued in HTTP/2 itself; the messages
   * are counted by `heldBytes`. It holds 100 calls with the largest headers. Beyond: new calls are refused.
   */
  sessionMemoryMegabytes: 4,

  /**
   * Calls that a client may reset at once, and then in each second, before its connection is closed ("rapid reset",
   * CVE-2023-44487). A client that cancels all of its 100 calls twice over is within it.
   */
  resetBurst: 200,
  resetsPerSecond: 33,

  /** Frames that make no sense, of one connection, before it is closed. Clients that work send none. */
  invalidFrames: 50,

  /** Settings in one frame: HTTP/2 knows about eight. */
  settingsPerFrame: 32,

  /** Pings of ours that are not answered yet; there is never more than one. */
  outstandingPings: 4,

  /**
   * Pings and settings that a client may send in `sweepMillis`, beyond one for each of its calls and one for each
   * `controlFrameBytes` that were sent to it: grpc-go measures with them while it receives. Beyond: the connection is
   * closed with `too_many_pings`, as gRPC servers do.
   */
  controlFrames: 100,
  controlFrameBytes: 16 << 10,

  /**
   * Connections at once. Beyond, one without a call in flight makes room: rather one on which no call was ever made
   * than another, and the one that was used longest ago first. Where all are busy, the new one is closed.
   */
  connections: 500,

  /** Sockets at once: those connections, and as many again that have not finished the TLS handshake. */
  sockets: 1_000,

  /** From the TCP connection to the end of the TLS handshake. */
  handshakeMillis: 10_000,

  /** From the connection to the client's first settings, without which it is no HTTP/2. */
  greetingMillis: 10_000,

  /** Without a call in flight. Longer than the 15 minutes after which clients of connect hang up by themselves. */
  idleMillis: 20 * 60_000,

  /**
   * How long a connection may last, give or take a tenth so that not all of them end at once. So every client shows its
   * certificate again, and comes to the replicas that are there by then.
   */
  ageMillis: 60 * 60_000,

  /** How long calls in flight may go on after that; what never ends by itself, a health Watch, ends then. */
  ageGraceMillis: 30_000,

  /** How often a connection with calls in flight is pinged when nothing else came, and how long the answer may take. */
  pingEveryMillis: 60_000,
  pingTimeoutMillis: 20_000,

  /** How often the connections are looked at; the times above are met that exactly. */
  sweepMillis: 5_000
} as const

/**
 * The limits that Node's HTTP/2 keeps.
 *
 * @category converting
 * @since 0.1.0
 */
export const sessionOptions = {
  settings: {
    maxConcurrentStreams: limits.concurrentStreams,
    maxHeaderListSize: limits.headerListBytes,
    enablePush: false
  },
  maxHeaderListPairs: limits.headerPairs,
  maxSessionMemory: limits.sessionMemoryMegabytes,
  maxSettings: limits.settingsPerFrame,
  maxOutstandingPings: limits.outstandingPings,
  maxSessionInvalidFrames: limits.invalidFrames,
  maxSessionRejectedStreams: limits.rejectedStreams,
  streamResetBurst: limits.resetBurst,
  streamResetRate: limits.resetsPerSecond,
  unknownProtocolTimeout: limits.greetingMillis
} satisfies http2.ServerOptions
