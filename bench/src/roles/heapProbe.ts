/** For `node --expose-gc --import`: says on stderr how large the heap is, after a collection, when it gets SIGUSR2. */
process.on("SIGUSR2", () => {
  // twice: finalizers of the first let go of more
  globalThis.gc?.()
  globalThis.gc?.()
  process.stderr.write(`heapUsed ${process.memoryUsage().heapUsed}\n`)
})
