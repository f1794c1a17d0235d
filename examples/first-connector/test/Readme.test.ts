import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"

const read = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8")

it("the README shows this connector, word for word", () => {
  const blocks = [...read("../../../README.md").matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code)

  assert.deepStrictEqual(blocks, [read("../src/FileSensor.ts"), read("../src/main.ts")])
})
