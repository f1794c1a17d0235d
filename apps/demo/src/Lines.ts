/**
 * Cuts bytes into lines, however the chunks they come in are cut.
 *
 * A line ends with LF or CR LF, which are not part of it, or with the input. Its bytes are kept as they are: nothing is
 * decoded, and a CR anywhere else stays. A line that is over the limit is not kept in memory: only its size is known.
 */

/** A line, or the size in bytes of one that was over the limit. */
export type Line = Uint8Array | { readonly oversizedBytes: number }

const lf = 0x0a
const cr = 0x0d

export class Lines {
  readonly #maxBytes: number
  // the parts of a line that has not ended; dropped once they are over the limit (and one for a CR that may go)
  #parts: Array<Uint8Array> = []
  #length = 0
  #lastByte = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Adds a chunk and returns the lines that it ended. Lines may be views of the chunk. */
  push(chunk: Uint8Array): Array<Line> {
    const lines: Array<Line> = []
    let start = 0
    for (let at = chunk.indexOf(lf); at >= 0; at = chunk.indexOf(lf, start)) {
      this.#append(chunk.subarray(start, at))
      lines.push(this.#take(true))
      start = at + 1
    }
    if (start < chunk.length) this.#append(new Uint8Array(chunk.subarray(start)))
    return lines
  }

  /** The line that the end of the input ends, if there is one. */
  end(): Array<Line> {
    return this.#length === 0 ? [] : [this.#take(false)]
  }

  #append(part: Uint8Array): void {
    if (part.length === 0) return
    this.#length += part.length
    this.#lastByte = part[part.length - 1]!
    if (this.#length > this.#maxBytes + 1) this.#parts = []
    else this.#parts.push(part)
  }

  #take(ended: boolean): Line {
    const parts = this.#parts
    const length = ended && this.#length > 0 && this.#lastByte === cr ? this.#length - 1 : this.#length
    this.#parts = []
    this.#length = 0
    if (length > this.#maxBytes) return { oversizedBytes: length }
    if (parts.length === 1) return parts[0]!.subarray(0, length)
    return Buffer.concat(parts).subarray(0, length)
  }
}
