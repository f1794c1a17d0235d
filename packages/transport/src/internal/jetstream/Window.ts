/** What was published and is not stored yet, in order: bounded, each message under a number that stays. */
import type { Counters } from "../Counters.ts"
import type { Call } from "./Call.ts"

export interface Slot {
  readonly id: string
  /** The lines of its headers that are the same at every try. */
  readonly lines: string
  frame: Uint8Array
  readonly call: Call
  readonly payloads: number
  /** The last sequence that was known when it was first sent: it is stored behind that, if it is. */
  after: number | undefined
  /** Whether it is still to be stored: not stored, and not given back to its caller. */
  waiting: boolean
}

/** What of a window is of one call. */
export interface Share {
  readonly messages: number
  readonly payloads: number
}

const noBytes = new Uint8Array(0)
/** Slots that are done with are taken off the array when there are so many. */
const compactAt = 1024

export class Window {
  /** How often another stream was in the place of the one that was there: what is stored is in the one of now. */
  stream = 0
  private readonly counters: Counters
  private slots: Array<Slot> = []
  /** Slots before this one in the array are done with. */
  private done = 0
  /** Number of the first slot in the array. */
  private offset = 0
  /** Slots that wait, and their bytes. */
  private count = 0
  private bytes = 0

  constructor(counters: Counters) {
    this.counters = counters
  }

  /** Number of the first message that waits, or of the next that is added. */
  get first(): number {
    return this.offset + this.done
  }

  /** Number of the next message that is added. */
  get end(): number {
    return this.offset + this.slots.length
  }

  get length(): number {
    return this.count
  }

  get byteLength(): number {
    return this.bytes
  }

  at(number: number): Slot {
    return this.slots[number - this.offset]!
  }

  add(slot: Slot): void {
    this.slots.push(slot)
    this.count++
    this.bytes += slot.frame.byteLength
    this.counters.unconfirmedBytes += slot.frame.byteLength
    slot.call.add()
  }

  /** How many wait up to this number. */
  countUpTo(number: number): number {
    let count = 0
    for (let i = this.first; i <= number; i++) if (this.at(i).waiting) count++
    return count
  }

  /** This message is stored. Its caller may go on at once. */
  settle(number: number): void {
    if (number < this.first) return
    const { call, waiting } = this.at(number)
    this.remove(number)
    if (waiting) call.settle(this.stream)
  }

  /** This message is not to be stored any more. */
  remove(number: number): void {
    const slot = this.at(number)
    if (!slot.waiting) return
    slot.waiting = false
    this.count--
    this.bytes -= slot.frame.byteLength
    this.counters.unconfirmedBytes -= slot.frame.byteLength
    slot.frame = noBytes
    while (this.done < this.slots.length && !this.slots[this.done]!.waiting) this.done++
    if (this.done < compactAt && this.done < this.slots.length) return
    this.slots.splice(0, this.done)
    this.offset += this.done
    this.done = 0
  }

  /** The messages that wait, by their ids: several may have the same one. */
  numbersById(): Map<string, Array<number>> {
    const numbers = new Map<string, Array<number>>()
    for (const [number, { id }] of this.waiting()) {
      const same = numbers.get(id)
      if (same === undefined) numbers.set(id, [number])
      else same.push(number)
    }
    return numbers
  }

  /** Takes out messages that wait: how many, and how many payloads, of each call. */
  take(which: (slot: Slot, number: number) => boolean): ReadonlyMap<Call, Share> {
    const shares = new Map<Call, Share>()
    for (const [number, slot] of this.waiting()) {
      if (!which(slot, number)) continue
      const { call, payloads } = slot
      const share = shares.get(call) ?? { messages: 0, payloads: 0 }
      shares.set(call, { messages: share.messages + 1, payloads: share.payloads + payloads })
      this.remove(number)
    }
    return shares
  }

  /** The messages that wait. */
  *waiting(): Generator<readonly [number: number, slot: Slot]> {
    for (let number = this.first; number < this.end; number++) {
      const slot = this.at(number)
      if (slot.waiting) yield [number, slot]
    }
  }
}
