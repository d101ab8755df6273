import Testing

@testable import AMQPBridge

@Suite("A failed emit says")
struct EmitErrorTests {
    static let errors: [PublishError] = [
        .brokerUnavailable, .brokerBlocked(reason: "low on memory"),
        .brokerRefused(exchange: "x", reason: "for user 'u'"),
        .brokerNack, .brokerSilent, .overloaded, .tooLarge(bytes: 222, limit: 111),
        .messageTooLarge(bytes: 222, limit: 111), .unknown(.confirmTimedOut), .unknown(.connectionLost),
        .unknown(.channelClosed), .unknown(.partial),
    ]

    @Test("whether nothing was published", arguments: errors)
    func effect(error: PublishError) {
        let mayHave =
            switch error {
            case .brokerNack, .unknown: true
            default: false
            }
        #expect(error.sentence.hasSuffix("; nothing was published") != mayHave)
        #expect(error.sentence.hasPrefix(error.cause) && !error.cause.contains("nothing was published"))
        #expect(EmitError.notPublished(error).sentence == error.sentence)
        #expect(EmitError.notPublished(error).description == error.description)
    }

    @Test("another sentence for each reason")
    func sentences() {
        #expect(Set(Self.errors.map(\.sentence)).count == Self.errors.count)
    }

    @Test("what the broker has said of its user to nobody but whoever operates it")
    func reason() {
        for error in Self.errors {
            if case .brokerRefused = error {
                #expect(error.description.contains("'u'") && error.description.hasPrefix(error.sentence))
                #expect(error.sentence.contains("'x'") && !error.sentence.contains("'u'"))
            } else {
                #expect(error.description == error.sentence)
            }
        }
    }

    @Test("the same of an alarm to whoever publishes and whoever asks")
    func alarm() {
        let reason = "low on memory"
        #expect(
            ClusterError.brokerBlocked(reason: reason).description == PublishError.brokerBlocked(reason: reason).cause)
    }
}
