/** Cuts what a NATS server sends into its frames, and leaves some messages out. */
export const filtering = (
  isDropped: (subject: string, body: string) => boolean,
  write: (bytes: Buffer) => void
): (chunk: Buffer) => void => {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (true) {
      const line = rest.indexOf("\r\n")
      if (line < 0) return
      const words = rest.subarray(0, line).toString().split(" ")
      const isMessage = words[0] === "MSG" || words[0] === "HMSG"
      const end = line + 2 + (isMessage ? Number(words.at(-1)) + 2 : 0)
      if (rest.length < end) return
      const frame = rest.subarray(0, end)
      rest = rest.subarray(end)
      if (!isMessage || !isDropped(words[1] ?? "", frame.subarray(line + 2).toString())) write(frame)
    }
  }
}
