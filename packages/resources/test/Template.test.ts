import { assert, describe, it } from "@effect/vitest"
import { Template } from "@kps/resources"
import { Effect } from "effect"

const template =
  "image: \"repo:{{ .Parameters.image_tag }}\"\nreplicas: {{.Parameters.replicas}} # {{ .Parameters.image_tag }}\n"

describe("a template", () => {
  it.effect("is rendered with text, numbers and booleans, however its braces are spaced", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* Template.render(template, { image_tag: "1.0", replicas: 2 }),
        "image: \"repo:1.0\"\nreplicas: 2 # 1.0\n"
      )
      assert.strictEqual(yield* Template.render("{{ .Parameters.a }}{{ .Parameters.a }}", { a: true }), "truetrue")
      assert.strictEqual(yield* Template.render("{a: {b: c}} { { }", {}), "{a: {b: c}} { { }")
      assert.strictEqual(
        yield* Template.render("{{ .Parameters.a }}", { a: "$& {{ .Parameters.a }}" }),
        "$& {{ .Parameters.a }}"
      )
    }))

  it.effect("has all that is wrong with it told, each with its line", () =>
    Effect.gen(function*() {
      const bad =
        "a: {{ .Parameters.a }}\nb: {{ if .Parameters.b }}\nc: {{- .Parameters.c -}}\nd: {{ .Parameters.d\n}}\ne: {{ .Services.Kafka.Endpoint }}{{ .Parameters.image-tag }}\n"
      const { violations } = yield* Effect.flip(Template.render(bad, {}))

      assert.deepStrictEqual(violations.map(({ line, message }) => [line, message]), [
        [2, "expected {{ .Parameters.<name> }}, got \"{{ if .Parameters.b }}\": no other action is rendered"],
        [3, "expected {{ .Parameters.<name> }}, got \"{{- .Parameters.c -}}\": no other action is rendered"],
        [4, "expected \"}}\" on the same line, got \"{{ .Parameters.d\""],
        [6, "expected {{ .Parameters.<name> }}, got \"{{ .Services.Kafka.Endpoint }}\": no other action is rendered"],
        [6, "expected {{ .Parameters.<name> }}, got \"{{ .Parameters.image-tag }}\": no other action is rendered"],
        [1, "expected a value for the static parameter \"a\", got none"]
      ])
    }))

  it.effect("takes no value that is not a piece of one line", () =>
    Effect.gen(function*() {
      const refused = [null, ["a"], { a: 1 }, "a\nb", "a\u2028b", Number.NaN]
      for (const a of refused) {
        const { message } = yield* Effect.flip(Template.render("\n{{ .Parameters.a }}", { a }))
        assert.match(message, /line 2: expected text of one line, a number or a boolean for "a", got /)
      }
      const inherited = yield* Effect.flip(Template.render("{{ .Parameters.constructor }}", {}))
      assert.include(inherited.message, "line 1: expected a value for the static parameter \"constructor\", got none")
    }))

  it("is checked against the parameters that there are", () => {
    assert.deepStrictEqual(Template.check(template, ["image_tag", "replicas"]), [])
    assert.deepStrictEqual(Template.check(template, ["image_tag"]), [
      { path: "", line: 2, message: "expected a static parameter (\"image_tag\"), got \"replicas\"" }
    ])
    assert.include(Template.check(template, [])[0]?.message, "(there is none)")
  })
})
