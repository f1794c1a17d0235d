/**
 * What a command itself finds wrong: with its arguments, its files, or what it was asked to look at.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * @category errors
 * @since 0.1.0
 */
export class NotServing extends Schema.TaggedError<NotServing>("@kps/cli/CommandError/NotServing")("NotServing", {
  endpoint: Schema.String,
  status: Schema.String
}) {
  override get message(): string {
    return `the connector at ${this.endpoint} is ${this.status}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class BadAssignment
  extends Schema.TaggedError<BadAssignment>("@kps/cli/CommandError/BadAssignment")("BadAssignment", {
    text: Schema.String
  })
{
  override get message(): string {
    return this.text === ""
      ? "nothing to set: want key=value or --unset KEY"
      : `want key=value, got ${JSON.stringify(this.text)}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class UnreadableFile
  extends Schema.TaggedError<UnreadableFile>("@kps/cli/CommandError/UnreadableFile")("UnreadableFile", {
    file: Schema.String,
    cause: Schema.Defect()
  })
{
  override get message(): string {
    return `cannot read ${JSON.stringify(this.file)}: ${this.cause instanceof Error ? this.cause.message : "unknown"}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class UnwritableFile
  extends Schema.TaggedError<UnwritableFile>("@kps/cli/CommandError/UnwritableFile")("UnwritableFile", {
    file: Schema.String,
    cause: Schema.Defect()
  })
{
  override get message(): string {
    return `cannot write ${JSON.stringify(this.file)}: ${this.cause instanceof Error ? this.cause.message : "unknown"}`
  }
}

/**
 * A service domain cannot keep its data in the folder that it was given.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnusableFolder extends Schema.TaggedError<UnusableFolder>("@kps/cli/CommandError/UnusableFolder")(
  "UnusableFolder",
  { folder: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `cannot keep data in ${JSON.stringify(this.folder)}: ${this.problem}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class UnknownCase extends Schema.TaggedError<UnknownCase>("@kps/cli/CommandError/UnknownCase")("UnknownCase", {
  ids: Schema.Array(Schema.String),
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `want --case to be one of ${this.known.join(", ")}, got ${
      this.ids.map((id) => JSON.stringify(id)).join(", ")
    }`
  }
}

/**
 * A connector that breaks what it has to keep.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotConforming
  extends Schema.TaggedError<NotConforming>("@kps/cli/CommandError/NotConforming")("NotConforming", {
    conclusion: Schema.String
  })
{
  override get message(): string {
    return this.conclusion
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class NoPosition extends Schema.TaggedError<NoPosition>("@kps/cli/CommandError/NoPosition")("NoPosition", {
  connectorId: Schema.String,
  stream: Schema.String
}) {
  override get message(): string {
    return `no position is saved of stream ${JSON.stringify(this.stream)} of connector ${
      JSON.stringify(this.connectorId)
    }`
  }
}

/**
 * A class document that is not what the code makes.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClassDiffers
  extends Schema.TaggedError<ClassDiffers>("@kps/cli/CommandError/ClassDiffers")("ClassDiffers", {
    file: Schema.String,
    module: Schema.String,
    /** One line for each place that differs. */
    places: Schema.Array(Schema.String)
  })
{
  override get message(): string {
    return `${this.file} is not what ${this.module} makes:${this.places.map((place) => `\n  ${place}`).join("")}`
  }
}

/**
 * A class that does not take what another takes, or of which that cannot be told.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClassBreaks extends Schema.TaggedError<ClassBreaks>("@kps/cli/CommandError/ClassBreaks")("ClassBreaks", {
  oldFile: Schema.String,
  newFile: Schema.String
}) {
  override get message(): string {
    return `${this.newFile} is not known to take all that ${this.oldFile} takes`
  }
}

/**
 * Nothing says which dead letters are meant, or two things do.
 *
 * @category errors
 * @since 0.1.0
 */
export class BadSelection
  extends Schema.TaggedError<BadSelection>("@kps/cli/CommandError/BadSelection")("BadSelection", {
    problem: Schema.String
  })
{
  override get message(): string {
    return this.problem
  }
}

/**
 * Some of the dead letters could not be dealt with; the others were.
 *
 * @category errors
 * @since 0.1.0
 */
export class LettersFailed
  extends Schema.TaggedError<LettersFailed>("@kps/cli/CommandError/LettersFailed")("LettersFailed", {
    problems: Schema.Array(Schema.String)
  })
{
  override get message(): string {
    const shown = this.problems.slice(0, 10)
    const more = this.problems.length > 10 ? [`and ${this.problems.length - 10} more`] : []
    return [...shown, ...more].join("\n  ")
  }
}

/**
 * Something at a broker could not be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotReadable extends Schema.TaggedError<NotReadable>("@kps/cli/CommandError/NotReadable")("NotReadable", {
  what: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `cannot read ${this.what}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/**
 * Something is wrong with how a broker or a connector is set up.
 *
 * @category errors
 * @since 0.1.0
 */
export class DoctorWarns extends Schema.TaggedError<DoctorWarns>("@kps/cli/CommandError/DoctorWarns")("DoctorWarns", {
  count: Schema.Int
}) {
  override get message(): string {
    return this.count === 1 ? "1 warning" : `${this.count} warnings`
  }
}
