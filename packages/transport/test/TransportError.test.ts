import { assert, describe, it } from "@effect/vitest"
import { TransportError as Module } from "@kps/transport"
import { Schema } from "effect"

const {
  AlreadyRun,
  AuthorizationFailed,
  Closed,
  ConnectionFailed,
  CredentialsUnreadable,
  InvalidChannel,
  InvalidOption,
  InvalidServer,
  JetStreamRefused,
  MalformedFrame,
  MessageTooLarge,
  NotConnected,
  PermissionDenied,
  SettingsDiffer,
  TransportError,
  TransportErrorReason,
  WriterFenced,
  WriterUnfenced
} = Module

const servers = ["a:4222", "tls://b:1"]
const cause = new Error("connection refused")
const long = "x".repeat(5000)

const table: ReadonlyArray<readonly [Module.TransportErrorReason, retryable: boolean, message: string]> = [
  [new ConnectionFailed({ servers, cause }), true, "cannot connect to a:4222, tls://b:1: connection refused"],
  [new ConnectionFailed({ servers: ["a:1"], cause: undefined }), true, "cannot connect to a:1"],
  [
    new AuthorizationFailed({ servers: ["a:1"], cause: new Error("'Authorization Violation'") }),
    true,
    "credentials refused by a:1: 'Authorization Violation'"
  ],
  [
    new AuthorizationFailed({ servers: ["a:1"], user: "ann", cause: new Error("'Authorization Violation'") }),
    true,
    "credentials refused by a:1 for user \"ann\": 'Authorization Violation'"
  ],
  [
    new CredentialsUnreadable({ option: "creds", file: "/run/a", problem: "ENOENT" }),
    true,
    "cannot use \"creds\" of \"/run/a\": ENOENT"
  ],
  [
    new CredentialsUnreadable({ option: "tls.key", file: undefined, problem: "ERR_OSSL_BAD_DECRYPT" }),
    true,
    "cannot use \"tls.key\": ERR_OSSL_BAD_DECRYPT"
  ],
  [new NotConnected({ servers: ["a:1"], handedOver: 0, cause }), true, "not connected to a:1: connection refused"],
  [
    new NotConnected({ servers: ["a:1"], handedOver: 7, cause }),
    true,
    "not connected to a:1 after 7 messages were handed over: connection refused"
  ],
  [new InvalidServer({ server: "a//b", problem: "it is wrong" }), false, "invalid server \"a//b\": it is wrong"],
  [new InvalidOption({ option: "token", problem: "it is wrong" }), false, "invalid option \"token\": it is wrong"],
  [new InvalidChannel({ channel: "a.*", problem: "it is wrong" }), false, "invalid channel \"a.*\": it is wrong"],
  [
    new InvalidChannel({ channel: long, problem: "it is long" }),
    false,
    `invalid channel "${"x".repeat(200)}…": it is long`
  ],
  [new PermissionDenied({ channel: "a", operation: "publish" }), false, "no permission to publish on \"a\""],
  [new PermissionDenied({ channel: "a", operation: "subscribe" }), false, "no permission to subscribe on \"a\""],
  [
    new MessageTooLarge({ channel: "x", byteLength: 1_048_577, limit: 1_048_576 }),
    false,
    "message of 1048577 bytes on \"x\" is over the limit of 1048576 bytes"
  ],
  [new Closed(), false, "the transport is closed"],
  [
    new MalformedFrame({ channel: "x", byteLength: 3, cause: new Error(long) }),
    false,
    `frame of 3 bytes on "x" is no TransportMessage: ${"x".repeat(200)}…`
  ],
  [
    new AlreadyRun({ channel: "x" }),
    false,
    "the stream of a subscription to \"x\" was run before: it can be run once"
  ],
  [
    new SettingsDiffer({
      channel: "x",
      subject: "stream \"KPS_x\"",
      differences: [{ setting: "storage", want: "file", got: "memory" }, { setting: "max_msgs", want: "2", got: "1" }]
    }),
    false,
    "stream \"KPS_x\" of channel \"x\" has other settings: storage: want file, got memory; max_msgs: want 2, got 1"
  ],
  [
    new JetStreamRefused({ channel: "x", operation: "store messages", code: 10_077, problem: "it is full" }),
    true,
    "JetStream cannot store messages for channel \"x\": it is full (10077)"
  ],
  [
    new JetStreamRefused({ channel: "x", operation: "store messages", code: 0, problem: "no answer" }),
    true,
    "JetStream cannot store messages for channel \"x\": no answer"
  ],
  [
    new WriterFenced({ channel: "x", epoch: 2, found: 3, sequence: 9 }),
    false,
    "writer of epoch 2 on \"x\" is fenced: message 9 is of epoch 3"
  ],
  [
    new WriterFenced({ channel: "x", epoch: 2, found: 1, sequence: 9 }),
    true,
    "writer of epoch 2 on \"x\" is fenced: message 9 is of epoch 1"
  ],
  [
    new WriterUnfenced({ channel: "x", stream: "KPS_x", retention: "interest" }),
    false,
    "no writer can be the only one on \"x\": stream \"KPS_x\" has retention \"interest\", "
    + "in which the messages that would fence it do not stay, want \"limits\""
  ]
]

describe("TransportError", () => {
  it.each(table)("says what happened, and whether to try again: %s", (reason, retryable, message) => {
    const error = new TransportError({ reason })

    assert.strictEqual(error.message, message)
    assert.strictEqual(error.isRetryable, retryable)
    assert.strictEqual(reason.isRetryable, retryable)
    assert.strictEqual(error.cause, reason)
  })

  it("has a row above for every reason", () => {
    const tags = TransportErrorReason.members.map((member) => member.identifier.split("/").at(-1))

    assert.sameMembers([...new Set(table.map(([{ _tag }]) => _tag))], tags)
  })

  it("survives being written and read", () => {
    const codec = Schema.toCodecJson(TransportError)
    for (const [reason, , message] of table) {
      const written = JSON.stringify(Schema.encodeSync(codec)(new TransportError({ reason })))
      const again = Schema.decodeUnknownSync(codec)(JSON.parse(written))

      assert.strictEqual(again.reason._tag, reason._tag)
      assert.strictEqual(again.message, message)
    }
  })
})
