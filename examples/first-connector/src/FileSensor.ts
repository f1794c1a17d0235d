// A connector that reads sensors which the kernel shows as files, such as /sys/class/thermal/thermal_zone0/temp.
import { Connector, Delivery, Failure } from "@kps/connector"
import { Effect, FileSystem, Schedule, Schema, Stream } from "effect"

class FileUnreadable extends Schema.TaggedError<FileUnreadable>()("FileUnreadable", { path: Schema.String }) {
  override get message() {
    return `cannot read "${this.path}"`
  }
}

// The definition: decoding, types and error handling come from here.
export const FileSensor = Connector.make("filesensor")({
  version: "1.0",
  description: "Publishes what a file holds, again and again.",
  direction: "INGRESS",
  stream: Schema.Struct({
    path: Schema.String.annotate({ description: "The file." })
      .check(Schema.isPattern(/^\//u, { message: "an absolute path" })),
    everyMillis: Schema.Int.annotate({ description: "Milliseconds from one reading to the next." })
      .check(Schema.isGreaterThanOrEqualTo(10))
  }),
  config: Schema.Struct({}),
  failures: {
    FileUnreadable: Failure.retry({ code: "UNAVAILABLE", severity: "WARNING", backoff: { cap: "5 seconds" } })
  }
})

// The implementation is a layer: it asks for a file system, and tests give it another one.
export const layer = FileSensor.toLayer(Effect.gen(function*() {
  const files = yield* FileSystem.FileSystem
  return {
    ingress: Effect.fnUntraced(function*({ parameters: { everyMillis, path } }) {
      const read = files.readFile(path).pipe(Effect.mapError(() => new FileUnreadable({ path })))
      yield* read // opening: whoever asked for the stream learns now that the file is not there
      return Delivery.lossy(Stream.fromEffectSchedule(read, Schedule.spaced(everyMillis)))
    })
  }
}))
