import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("The verdict on a channel that the broker has closed")
struct ChannelVerdictTests {
    /// A ledger of messages of these names, each one a request of its own, sent at second 1, 2, …
    private func ledger(_ messages: (name: String, exchange: String, size: Int)...) -> ConfirmLedger<MessageUnderWay> {
        var ledger = ConfirmLedger<MessageUnderWay>()
        for (index, message) in messages.enumerated() {
            let publication = Publication(
                exchange: message.exchange, routingKey: message.name, body: Array(repeating: 0, count: message.size))
            ledger.append(
                MessageUnderWay(
                    request: ClosureRequest([publication]) { _ in }, index: 0, isProbe: false,
                    sent: .seconds(Double(index + 1)), streamEnd: 0),
                deadline: .seconds(100))
        }
        return ledger
    }

    private func names(_ messages: [MessageUnderWay]) -> [String] { messages.map(\.publication.routingKey) }

    private func ended(_ verdict: ChannelVerdict) -> [String: PublishRequest.Outcome] {
        Dictionary(uniqueKeysWithValues: verdict.ended.map { ($0.message.publication.routingKey, $0.outcome) })
    }

    private let unknown = PublishRequest.Outcome.failed(.unknown(.channelClosed))

    private func close(_ code: Int, _ text: String) -> ChannelClose { ChannelClose(channel: 1, code: code, text: text) }

    @Test(
        "over a missing exchange: the last message to it has met none, earlier ones are unknown, later ones discarded")
    func missing() {
        var ledger = ledger(("a", "x", 1), ("b", "y", 1), ("c", "x", 1), ("d", "y", 1))
        let verdict = ChannelVerdict(close(404, "NOT_FOUND - no exchange 'x' in vhost '/'"), emptying: &ledger)
        #expect(
            verdict.cause == .exchange(ExchangeAnswer(exchange: "x", finding: .absent, asOf: .seconds(3))))
        #expect(ended(verdict) == ["c": .confirmed(.noExchange), "a": unknown, "b": unknown])
        #expect(verdict.ended.first?.message.publication.routingKey == "c")
        #expect(names(verdict.discarded) == ["d"])
        #expect(ledger.unsettled.isEmpty && ledger.nextTag == 1)
    }

    @Test("over an exchange that refuses us has the broker's reason")
    func refused() {
        var ledger = ledger(("a", "it's", 1))
        let text = "ACCESS_REFUSED - access to exchange 'it's' in vhost '/' refused for user 'u'"
        let verdict = ChannelVerdict(close(403, text), emptying: &ledger)
        #expect(
            verdict.cause
                == .exchange(ExchangeAnswer(exchange: "it's", finding: .refused(reason: text), asOf: .seconds(1))))
        #expect(ended(verdict) == ["a": .failed(.brokerRefused(exchange: "it's", reason: text))])
    }

    private func tooLong(_ size: Int) -> ChannelClose {
        close(406, "PRECONDITION_FAILED - message size \(size) is larger than configured max size 10")
    }

    @Test("over a message's size: what came before is unknown, what is too long has failed, the rest is discarded")
    func oversize() {
        var ledger = ledger(("a", "x", 1), ("b", "x", 11), ("c", "x", 2), ("d", "x", 30))
        let verdict = ChannelVerdict(tooLong(11), emptying: &ledger)
        #expect(verdict.cause == .oversize(limit: 10))
        #expect(
            ended(verdict) == [
                "a": unknown, "b": .failed(.messageTooLarge(bytes: 11, limit: 10)),
                "d": .failed(.messageTooLarge(bytes: 30, limit: 10)),
            ])
        #expect(names(verdict.discarded) == ["c"])
        #expect(names(verdict.messages) == ["a", "b", "d", "c"])
    }

    @Test("over the size of a message that was given up on: nothing is known of the others")
    func oversizeOfAnother() {
        var ledger = ledger(("a", "x", 1), ("b", "x", 12), ("c", "x", 2))
        let verdict = ChannelVerdict(tooLong(11), emptying: &ledger)
        #expect(verdict.cause == .oversize(limit: 10))
        #expect(ended(verdict) == ["a": unknown, "b": unknown, "c": unknown])
        #expect(verdict.discarded.isEmpty)
    }

    @Test(
        "for another reason: nothing is known of any",
        arguments: [(500, ""), (404, "NOT_FOUND - no exchange 'z' in vhost '/'"), (406, "exchange 'x'")])
    func other(code: Int, text: String) {
        var ledger = ledger(("a", "x", 1), ("b", "y", 1))
        let verdict = ChannelVerdict(close(code, text), emptying: &ledger)
        #expect(verdict.cause == .other)
        #expect(ended(verdict) == ["a": unknown, "b": unknown])
        #expect(verdict.discarded.isEmpty)
    }
}
