/**
 * Keeps the connections of a server within their limits: how many, how old, how idle, how noisy.
 *
 * @since 0.1.0
 */
import * as http2 from "node:http2"
import { limits } from "./Http2Limits.ts"

/**
 * The connections of one server.
 *
 * @category models
 * @since 0.1.0
 */
export interface Http2Sessions {
  /** Those that are open. */
  readonly open: { readonly size: number; readonly keys: () => Iterable<http2.ServerHttp2Session> }
  /** Takes a connection in, or closes it where there are too many. `random`, from 0 to 1, spreads their ends. */
  readonly add: (session: http2.ServerHttp2Session, random: number) => void
  /** Looks at each of them; to be called every `sweepMillis`. */
  readonly sweep: () => void
  /** Asks every client to connect again with its next call; calls in flight have the grace of an old connection. */
  readonly retire: () => void
}

interface Entry {
  readonly since: number
  readonly ageMillis: number
  /** Whether the client has sent its first settings. */
  greeted: boolean
  inFlight: number
  /** When the last call began, or ended. */
  lastCall: number
  /** Calls since it was connected, and how many of them the last sweep saw. */
  calls: number
  callsSeen: number
  /** Pings and settings since the last sweep. */
  controlFrames: number
  /** How many bytes were sent to it when the last sweep saw it. */
  sentSeen: number
  /** When something came that shows that the client is there. */
  alive: number
  pinged: boolean
  retiredAt: number | undefined
}

/**
 * Begins with none. `now` is in milliseconds.
 *
 * **Details**
 *
 * A connection that is let go is told so with a GOAWAY, and closed only at the next sweep, so that no call is lost that
 * its client had just made.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (now: () => number): Http2Sessions => {
  // In the order of their last call.
  const open = new Map<http2.ServerHttp2Session, Entry>()

  const add = (session: http2.ServerHttp2Session, random: number) => {
    if (open.size >= limits.connections && !makeRoom(open)) return refuse(session, tooMany)
    const at = now()
    const entry: Entry = {
      since: at,
      ageMillis: limits.ageMillis * (0.9 + 0.2 * random),
      greeted: false,
      inFlight: 0,
      lastCall: at,
      calls: 0,
      callsSeen: 0,
      controlFrames: 0,
      sentSeen: 0,
      alive: at,
      pinged: false,
      retiredAt: undefined
    }
    open.set(session, entry)
    session.once("close", () => open.delete(session))
    session.on("stream", (stream) => {
      entry.calls++
      entry.inFlight++
      entry.lastCall = entry.alive = now()
      if (open.delete(session)) open.set(session, entry)
      stream.once("close", () => {
        entry.inFlight--
        entry.lastCall = now()
      })
    })
    const count = () => {
      entry.alive = now()
      entry.controlFrames++
    }
    session.on("ping", count)
    session.on("remoteSettings", () => {
      entry.greeted = true
      count()
    })
  }

  return {
    open,
    add,
    sweep: () => {
      for (const [session, entry] of open) look(session, entry, now())
    },
    retire: () => {
      for (const [session, entry] of open) retire(session, entry, now())
    }
  }
}

const look = (session: http2.ServerHttp2Session, entry: Entry, now: number): void => {
  if (session.destroyed) return
  const age = now - entry.since
  const idle = entry.inFlight === 0 && now - entry.lastCall > limits.idleMillis
  const sent = session.socket.bytesWritten
  const measured = Math.floor((sent - entry.sentSeen) / limits.controlFrameBytes)
  const noisy = entry.controlFrames > limits.controlFrames + entry.calls - entry.callsSeen + measured
  entry.sentSeen = sent
  entry.controlFrames = 0
  entry.callsSeen = entry.calls
  if (noisy) refuse(session, "too_many_pings")
  else if (!entry.greeted && age > limits.greetingMillis) session.destroy()
  else if (entry.retiredAt !== undefined) {
    if (now - entry.retiredAt > limits.ageGraceMillis) session.destroy()
    else session.close()
  } else if (idle || age > entry.ageMillis) retire(session, entry, now)
  else if (entry.inFlight > 0) ping(session, entry, now)
}

/** The number that says of no call that it was not seen. */
const everyCall = 2 ** 31 - 1

const retire = (session: http2.ServerHttp2Session, entry: Entry, now: number): void => {
  if (entry.retiredAt !== undefined || session.destroyed) return
  entry.retiredAt = now
  session.goaway(http2.constants.NGHTTP2_NO_ERROR, everyCall)
}

/** A client that vanished in the middle of a health Watch would be kept until its connection is too old. */
const ping = (session: http2.ServerHttp2Session, entry: Entry, now: number): void => {
  const silence = now - entry.alive
  if (entry.pinged) {
    if (silence > limits.pingEveryMillis + limits.pingTimeoutMillis) session.destroy()
  } else if (silence > limits.pingEveryMillis) {
    entry.pinged = session.ping((error) => {
      entry.pinged = false
      if (error === null) entry.alive = now
    })
  }
}

/** Closes the connection that is missed least, if there is one without a call. */
const makeRoom = (open: Map<http2.ServerHttp2Session, Entry>): boolean => {
  let spare: http2.ServerHttp2Session | undefined
  for (const [session, { calls, inFlight }] of open) {
    if (inFlight > 0) continue
    spare ??= session
    if (calls > 0) continue
    spare = session
    break
  }
  if (spare === undefined) return false
  // Not only when it says that it is closed: the next one may come before that.
  open.delete(spare)
  refuse(spare, tooMany)
  return true
}

const tooMany = "too_many_connections"

/** Closes a connection at once, with a word why. */
const refuse = (session: http2.ServerHttp2Session, why: string): void => {
  // One that is closed says so only later; to speak to it throws.
  if (session.destroyed) return
  session.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, undefined, Buffer.from(why))
  session.destroy()
}
