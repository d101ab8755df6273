import Testing

@testable import AMQP

@Suite("What RabbitMQ says of an exchange that is to be declared with an odd argument")
struct ExchangeProbeTests {
    // The texts are RabbitMQ 3.10.8's.
    @Test(
        "says whether it is there, and how",
        arguments: [
            (
                "PRECONDITION_FAILED - invalid type 'bool' for arg 'alternate-exchange' in exchange 'e' in vhost '/'",
                .absent
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'e' in vhost '/': received the "
                    + "value 'true' of type 'bool' but current is none", .same
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange 'e' in vhost '/': received "
                    + "'true' but current is 'x'", .same
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'e' in vhost '/': received 'direct' but "
                    + "current is 'fanout'", .different(property: "type", value: "fanout")
            ),
            (
                "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'e' in vhost '/': received 'false' but "
                    + "current is 'true'", .different(property: "durable", value: "true")
            ),
            ("PRECONDITION_FAILED - something else", .other("PRECONDITION_FAILED - something else")),
        ] as [(String, ExchangeProbe)])
    func refusals(text: String, probe: ExchangeProbe) {
        #expect(ExchangeProbe(ChannelClose(channel: 1, code: 406, text: text)) == probe)
    }

    @Test("or that we may not know")
    func notPermitted() {
        let text = "ACCESS_REFUSED - access to exchange 'e' in vhost '/' refused for user 'u'"
        #expect(ExchangeProbe(ChannelClose(channel: 1, code: 403, text: text)) == .notPermitted)
        #expect(ExchangeProbe(ChannelClose(channel: 1, code: 541, text: "x")) == .other("541 x"))
    }
}
