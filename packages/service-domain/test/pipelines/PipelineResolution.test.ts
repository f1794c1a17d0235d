import { assert, describe, it } from "@effect/vitest"
import type { Category, DataPipeline, Function } from "@kps/resources"
import { Channel } from "@kps/transport"
import { Duration } from "effect"
import * as PipelineDescription from "../../src/pipelines/PipelineDescription.ts"
import { type PlacedStream, resolve } from "../../src/pipelines/PipelineResolution.ts"

const categories: ReadonlyArray<Category.Category> = [
  { id: "c-line", name: "Line", purpose: "", values: ["1", "2"] },
  { id: "c-kind", name: "Kind", purpose: "", values: ["heat", "sound"] }
]

const functionOf = (over: Partial<Function.Function> = {}): Function.Function => ({
  id: "f-1",
  name: "double",
  type: "Transformation",
  language: "python",
  environment: "python-env",
  code: "def main(ctx, msg): ctx.send(msg)",
  params: [],
  ...over
})

const pipelineOf = (over: Partial<DataPipeline.DataPipeline> = {}): DataPipeline.DataPipeline => ({
  id: "p-1",
  name: "plant",
  projectId: "project",
  dataType: "Custom",
  origin: "Data Source",
  originSelectors: [{ id: "c-line", value: "1" }],
  destination: "Edge",
  edgeStreamType: "None",
  endPoint: "out",
  size: 0,
  enableSampling: false,
  transformationArgsList: [],
  dataRetention: [],
  ...over
})

const streamOf = (
  name: string,
  direction: "INGRESS" | "EGRESS",
  labels: ReadonlyArray<readonly [string, string]> = [],
  projectId = "project"
): PlacedStream => ({
  stream: {
    id: name,
    name,
    connectorInstanceID: "i",
    direction,
    stream: {},
    ...(labels.length === 0 ? {} : { labels: labels.map(([id, value]) => ({ id, value })) })
  },
  projectId,
  channel: Channel.ChannelName.make(`ch.${projectId}.${name}`)
})

const streams = [
  streamOf("heat1", "INGRESS", [["c-line", "1"], ["c-kind", "heat"]]),
  streamOf("sound1", "INGRESS", [["c-line", "1"], ["c-kind", "sound"]]),
  streamOf("heat2", "INGRESS", [["c-line", "2"], ["c-kind", "heat"]]),
  streamOf("unkind", "INGRESS", [["c-line", "2"]]),
  streamOf("sink", "EGRESS"),
  streamOf("heat1", "INGRESS", [["c-line", "1"], ["c-kind", "heat"]], "other"),
  streamOf("theirs", "EGRESS", [], "other")
]

const resolved = (pipelines: ReadonlyArray<DataPipeline.DataPipeline>, functions = [functionOf()]) =>
  resolve({ pipelines, functions, categories, streams })

const problems = (pipeline: Partial<DataPipeline.DataPipeline>, functions = [functionOf()]) =>
  resolved([pipelineOf(pipeline)], functions).refused.flatMap(({ violations }) =>
    violations.map(({ message, path }) => `${path}: ${message}`)
  )

describe("inputs of a pipeline", () => {
  const table: ReadonlyArray<readonly [string, ReadonlyArray<readonly [string, string]>, ReadonlyArray<string>]> = [
    ["one value", [["c-line", "1"]], ["heat1", "sound1"]],
    ["any value of one category", [["c-line", "1"], ["c-line", "2"]], ["heat1", "heat2", "sound1", "unkind"]],
    ["every category", [["c-line", "1"], ["c-kind", "heat"]], ["heat1"]],
    ["any value of every category", [["c-line", "1"], ["c-line", "2"], ["c-kind", "heat"]], ["heat1", "heat2"]],
    ["a value that no stream has", [["c-line", "3"]], []],
    ["a category that no stream has", [["c-line", "1"], ["c-none", "1"]], []]
  ]
  for (const [what, selectors, expected] of table) {
    it(`are the ingress streams of its project with ${what}`, () => {
      const { pipelines } = resolved([
        pipelineOf({ originSelectors: selectors.map(([id, value]) => ({ id, value })) })
      ])

      assert.deepStrictEqual(pipelines[0]?.inputs.map(({ topic }) => topic), expected)
      assert.isTrue(pipelines[0]?.inputs.every(({ channel }) => channel.startsWith("ch.project.")))
    })
  }

  it("have the labels of their stream, by id and by name of the category", () => {
    const { pipelines } = resolved([pipelineOf({ originSelectors: [{ id: "c-kind", value: "sound" }] })])

    assert.deepStrictEqual(pipelines[0]?.inputs[0]?.selectors, {
      "c-line": "1",
      Line: "1",
      "c-kind": "sound",
      Kind: "sound"
    })
  })

  it("are the channel of the pipeline before, which puts out to it too", () => {
    const { pipelines, refused } = resolved([
      pipelineOf(),
      pipelineOf({
        id: "p-2",
        name: "after",
        origin: "Data Stream",
        originSelectors: [],
        originId: "p-1",
        endPoint: "b"
      })
    ])

    assert.deepStrictEqual(refused, [])
    assert.deepStrictEqual(
      pipelines[0]?.outputs,
      ["out", "kps.pipeline.p-1"].map((name) => Channel.ChannelName.make(name))
    )
    assert.deepStrictEqual(pipelines[1]?.inputs, [
      { channel: PipelineDescription.channelOf("p-1"), topic: "plant", selectors: {} }
    ])
  })
})

describe("outputs of a pipeline", () => {
  it("are the egress stream of its project with the name of its endpoint", () => {
    const { pipelines } = resolved([pipelineOf({ edgeStreamType: "Connector", endPoint: "sink" })])

    assert.deepStrictEqual(pipelines[0]?.outputs, [Channel.ChannelName.make("ch.project.sink")])
  })

  const table: ReadonlyArray<readonly [string, Partial<DataPipeline.DataPipeline>, string]> = [
    [
      "a stream that is not there",
      { edgeStreamType: "Connector", endPoint: "none" },
      "endPoint: expected the name of an egress stream (known: \"sink\"), got \"none\""
    ],
    [
      "a stream of another project",
      { edgeStreamType: "Connector", endPoint: "theirs" },
      "endPoint: expected the name of an egress stream (known: \"sink\"), got \"theirs\""
    ],
    [
      "an ingress stream",
      { edgeStreamType: "Connector", endPoint: "heat1" },
      "endPoint: expected the name of an egress stream: this one is an ingress stream, got \"heat1\""
    ],
    [
      "a cloud",
      { destination: "Cloud", cloudType: "AWS", awsStreamType: "S3" },
      "destination: expected \"Edge\": there is no other one on this service domain, got \"AWS\""
    ],
    [
      "Kafka",
      { edgeStreamType: "Kafka" },
      "edgeStreamType: expected \"Connector\" or \"None\" (a NATS topic): there is no other service on this service domain, got \"Kafka\""
    ],
    [
      "a topic with a wildcard",
      { endPoint: "a.*" },
      "endPoint: expected the name of a NATS topic (it contains a wildcard), got \"a.*\""
    ],
    [
      "a topic of pipelines",
      { endPoint: "kps.pipeline.p-9" },
      "endPoint: expected the name of a NATS topic (names that begin with \"kps.pipeline.\" are for what pipelines take from each other), got \"kps.pipeline.p-9\""
    ],
    [
      "its own input",
      { endPoint: "ch.project.heat1" },
      "endPoint: expected a channel that the pipeline does not take from, got \"ch.project.heat1\""
    ]
  ]
  for (const [what, pipeline, expected] of table) {
    it(`are refused: ${what}`, () => {
      assert.deepStrictEqual(problems(pipeline), [expected])
    })
  }

  it("are refused where two streams of the project have the name", () => {
    const { refused } = resolve({
      pipelines: [pipelineOf({ edgeStreamType: "Connector", endPoint: "sink" })],
      functions: [],
      categories,
      streams: [...streams, { ...streamOf("sink", "EGRESS"), channel: Channel.ChannelName.make("second") }]
    })

    assert.deepStrictEqual(refused[0]?.violations, [{
      path: "endPoint",
      message: "expected a name that one egress stream of the project has, 2 have it, got \"sink\""
    }])
  })
})

describe("functions of a pipeline", () => {
  it("come in order, with their parameters as strings", () => {
    const { pipelines } = resolved([
      pipelineOf({
        transformationArgsList: [
          { transformationId: "f-2", args: [] },
          {
            transformationId: "f-1",
            args: [{ name: "n", type: "integer", value: 42 }, { name: "s", type: "string", value: "x" }]
          }
        ]
      })
    ], [functionOf(), functionOf({ id: "f-2", name: "js", language: "node", environment: "node-env" })])

    assert.deepStrictEqual(
      pipelines[0]?.functions.map(({ language, name, params }) => ({ language, name, params })),
      [
        { language: "node", name: "js", params: {} },
        { language: "python", name: "double", params: { n: "42", s: "x" } }
      ]
    )
  })

  const used = { transformationArgsList: [{ transformationId: "f-1", args: [] }] }
  const expected = "transformationArgsList[0].transformationId: expected"
  it("are refused: one that is not there, one in Go, one in Python 2", () => {
    assert.deepStrictEqual(problems(used, []), [`${expected} the id of a function, got "f-1"`])
    for (const over of [{ language: "golang", environment: "golang" }, { environment: "python2-env" }] as const) {
      assert.deepStrictEqual(problems(used, [functionOf(over)]), [
        `${expected} a function in python 3 or node: there is no other runtime on this service domain, got "${over.environment}"`
      ])
    }
  })
})

describe("pipelines", () => {
  it("are refused with everything that is in the way", () => {
    assert.lengthOf(
      problems({ destination: "Cloud", transformationArgsList: [{ transformationId: "f-9", args: [] }] }),
      2
    )
  })

  it("are refused when they take from themselves, or from what is not there", () => {
    const from = (id: string, originId: string) =>
      pipelineOf({ id, origin: "Data Stream", originSelectors: [], originId })
    const { pipelines, refused } = resolved([from("a", "b"), from("b", "a"), from("c", "none")])

    assert.deepStrictEqual(pipelines, [])
    assert.deepStrictEqual(refused.map(({ id, violations }) => [id, violations.map(({ path }) => path)]), [
      ["a", ["originId"]],
      ["b", ["originId"]],
      ["c", ["originId"]]
    ])
  })

  it("sample in the seconds of the document, where it is enabled", () => {
    const interval = (over: Partial<DataPipeline.DataPipeline>) => resolved([pipelineOf(over)]).pipelines[0]

    assert.deepStrictEqual(
      interval({ enableSampling: true, samplingInterval: 1.5 })?.samplingInterval,
      Duration.millis(1500)
    )
    assert.isUndefined(interval({ enableSampling: false, samplingInterval: 1.5 })?.samplingInterval)
    assert.isUndefined(interval({ enableSampling: true })?.samplingInterval)
  })

  it("of equal documents are equal, of others not", () => {
    const one = resolved([pipelineOf({ enableSampling: true, samplingInterval: 1 })]).pipelines[0]
    const same = resolved([pipelineOf({ enableSampling: true, samplingInterval: 1 })]).pipelines[0]
    const other = resolved([pipelineOf({ enableSampling: true, samplingInterval: 2 })]).pipelines[0]

    assert.isDefined(one)
    assert.isTrue(one !== undefined && same !== undefined && PipelineDescription.equals(one, same))
    assert.isFalse(one !== undefined && other !== undefined && PipelineDescription.equals(one, other))
  })

  it("have channels and consumers of their own, whatever their id", () => {
    assert.strictEqual(PipelineDescription.channelOf("a.b *"), PipelineDescription.channelOf("a.b *"))
    assert.isUndefined(Channel.problemOf(PipelineDescription.channelOf("a.b *")))
    assert.strictEqual(PipelineDescription.consumerOf("p-1"), "kps-pipeline-p-1")
  })
})
