import { assert, describe, it } from "@effect/vitest"
import { redact, show } from "../../src/operator/Redaction.ts"

const bytes = (text: string) => Buffer.from(text)

describe("Redaction", () => {
  it("hides the values of keys that are secret, at any depth, and shows the rest as it is", () => {
    const json = { user: "ann", password: "p", nested: [{ apiKey: 7, client_secret: { a: 1 }, celsius: 21.5 }] }

    assert.deepStrictEqual(JSON.parse(redact(JSON.stringify(json))), {
      user: "ann",
      password: "<redacted>",
      nested: [{ apiKey: "<redacted>", client_secret: "<redacted>", celsius: 21.5 }]
    })
    assert.strictEqual(redact("{ \"celsius\":  21.50 }"), "{ \"celsius\":  21.50 }")
  })

  for (
    const [what, text, shown] of [
      ["user info of a URL", "see nats://ann:pw@host:4222/x", "see nats://<redacted>@host:4222/x"],
      ["a bearer token", "Authorization: Bearer abcdef123456", "Authorization: Bearer <redacted>"],
      ["a JSON Web Token", "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln y", "x <redacted> y"],
      ["what follows password=", "user=ann password=pw, port=1", "user=ann password=<redacted>, port=1"],
      ["what follows token: in quotes", "token: \"a b\" end", "token: <redacted> end"],
      ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\n", "<redacted>\n"],
      [
        "secrets of several JSON texts, a line each",
        "{\"password\":\"pw\",\"a\":1}\n{\"apiKey\": 'k'}",
        "{\"password\":<redacted>,\"a\":1}\n{\"apiKey\": <redacted>}"
      ],
      ["a URL in a JSON text", "{\"url\":\"nats://ann:pw@host\"}", "{\"url\":\"nats://<redacted>@host\"}"]
    ] as const
  ) {
    it(`hides ${what}`, () => {
      assert.strictEqual(redact(text), shown)
    })
  }

  it("shows plain text whole, and nothing of it as a secret", () => {
    const text = "mail ann@host about the passage, 2 tokens left; time 12:30:01"

    assert.strictEqual(redact(text), text)
  })

  // where a pattern may begin anywhere and reads on to the end, each of these takes minutes
  for (const word of ["secret-", "a-", "a.", "eyJaaaaaaaaaaaa-", "a://", "token ", "token=\"", "-----BEGIN "]) {
    it(`takes no time over ${JSON.stringify(word)} again and again`, () => {
      const text = word.repeat(Math.floor(65_536 / word.length))

      assert.strictEqual(show(bytes(text)).byteLength, text.length)
    })
  }

  it("shows JSON that is nested more deeply than can be looked into", () => {
    const text = `${"[".repeat(30_000)}{"password":"pw"}${"]".repeat(30_000)}`

    assert.strictEqual(redact(text), text.replace("\"pw\"", "<redacted>"))
    assert.strictEqual(show(bytes(text)).text, `${"[".repeat(1_000)}…`)
  })

  it("cuts long text, and shows what is no text in hexadecimal", () => {
    assert.deepStrictEqual(show(bytes("x".repeat(2_000))), { byteLength: 2_000, text: `${"x".repeat(1_000)}…` })
    assert.deepStrictEqual(show(new Uint8Array([0, 255, 16])), { byteLength: 3, hex: "00ff10" })
    assert.deepStrictEqual(show(new Uint8Array(0)), { byteLength: 0, text: "" })
    const long = show(bytes("é".repeat(100_000)))
    assert.strictEqual(long.byteLength, 200_000)
    assert.isTrue(long.text?.startsWith("éé") === true && long.text.length === 1_001)
  })
})
