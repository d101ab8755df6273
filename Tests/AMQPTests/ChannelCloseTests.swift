import Testing

@testable import AMQP

// The texts are RabbitMQ 3.10.8's.
@Suite("The close of a channel")
struct ChannelCloseTests {
    private func close(_ code: Int, _ text: String) -> ChannelClose { ChannelClose(channel: 1, code: code, text: text) }

    @Test("is described by the broker's code and words")
    func description() {
        #expect(
            "\(close(404, "NOT_FOUND - no exchange 'x' in vhost '/'"))"
                == "404 NOT_FOUND - no exchange 'x' in vhost '/'")
    }

    @Test("is over one of the exchanges that it may be about")
    func exchange() {
        let missing = close(404, "NOT_FOUND - no exchange 'x' in vhost '/'")
        #expect(missing.exchange(among: ["y", "x", "xx"]) == "x")
        #expect(missing.exchange(among: ["y", "xx", ""]) == nil)
        #expect(missing.finding == .absent)
        let text = "ACCESS_REFUSED - write access to exchange 'x' in vhost '/' refused for user 'u'"
        #expect(close(403, text).exchange(among: ["u", "/", "x"]) == "x")
        #expect(close(403, text).finding == .refused(reason: text))
        // Another code has another reason, and may name it all the same.
        #expect(close(406, "PRECONDITION_FAILED - exchange 'x'").exchange(among: ["x"]) == nil)
    }

    @Test(
        "is over an exchange whose name has quotes or blanks in it",
        arguments: ["it's", "'", "''", "a 'b' c", "a' in vhost", "x\"y", " ", "no exchange 'x"])
    func quotedExchange(name: String) {
        let missing = close(404, "NOT_FOUND - no exchange '\(name)' in vhost '/'")
        #expect(missing.exchange(among: ["other", name, "another"]) == name)
        let refused = close(
            403, "ACCESS_REFUSED - write access to exchange '\(name)' in vhost '/' refused for user 'u'")
        #expect(refused.exchange(among: ["other", name, "another"]) == name)
    }

    @Test("may be over the default exchange")
    func defaultExchange() {
        let text = "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'u'"
        #expect(close(403, text).isOverDefaultExchange)
        #expect(!close(403, text.replacing("amq.default", with: "amq.direct")).isOverDefaultExchange)
    }

    @Test("may be over a queue, and not over the exchange that it was to be bound to")
    func queue() {
        #expect(close(403, "ACCESS_REFUSED - write access to queue 'q' in vhost '/' refused for user 'u'").isOverQueue)
        #expect(
            !close(403, "ACCESS_REFUSED - read access to exchange 'x' in vhost '/' refused for user 'u'").isOverQueue)
    }

    @Test("over a message's size names the size and the limit")
    func oversize() {
        let text = "PRECONDITION_FAILED - message size 70000 is larger than configured max size 65536"
        #expect(close(406, text).oversize?.size == 70_000)
        #expect(close(406, text).oversize?.limit == 65_536)
    }

    @Test(
        "over something else names no sizes",
        arguments: [
            (404, "PRECONDITION_FAILED - message size 70000 is larger than configured max size 65536"),
            (406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/'"),
            (406, "PRECONDITION_FAILED - message size 7 is larger than configured max size 65536"),
            (406, "PRECONDITION_FAILED - message size is larger than configured max size 65536"),
            (406, "PRECONDITION_FAILED - message size 7 is larger than configured max size"),
            (406, "message size 7 larger than -1"), (406, "message size"), (406, "larger than message size"), (406, ""),
            (406, "message size 99999999999999999999 is larger than configured max size 65536"),
        ])
    func noSizes(code: Int, text: String) {
        #expect(close(code, text).oversize == nil)
    }
}
