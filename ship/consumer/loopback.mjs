// Loaded before a program that listens on a port of everybody's: it listens on a free one of the loopback interface,
// and says which. So the program is run as it is written, beside whatever else this machine runs.
import { Server } from "node:net"

// oxlint-disable-next-line typescript/unbound-method -- called below with the server as `this`
const listen = Server.prototype.listen

Server.prototype.listen = function(options, ...rest) {
  this.once("listening", () => {
    const { port } = this.address()
    process.stderr.write(`listening on ${port} in place of ${options.port}\n`)
  })
  return listen.call(this, { ...options, host: "127.0.0.1", port: 0 }, ...rest)
}
