import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("A publish request")
struct PublishRequestTests {
    private static let outcomes: [PublishRequest.Outcome] = [
        .confirmed(.routed), .confirmed(.unroutable), .failed(.brokerNack), .failed(.unknown(.confirmTimedOut)),
        .confirmed(.noExchange),
    ]

    @Test("for one publication ends as that did")
    func one() {
        #expect(results([.confirmed(.routed)]) == [.success(.routed)])
        #expect(results([.confirmed(.unroutable)]) == [.success(.unroutable)])
        #expect(results([.failed(.overloaded)]) == [.failure(.overloaded)])
        #expect(results([.failed(.unknown(.connectionLost))]) == [.failure(.unknown(.connectionLost))])
    }

    @Test("waits for all publications, and ends once")
    func waits() {
        let request = makeRequest(of: 3)
        #expect(request.settle(.confirmed(.unroutable)) == nil)
        #expect(request.settle(.confirmed(.routed)) == nil)
        #expect(request.settle(.confirmed(.unroutable)) == .success(.routed))
        #expect(request.settle(.failed(.brokerNack)) == nil)
    }

    @Test("came when what it is a part of came, or when it was published")
    func comes() {
        for (came, expected) in [(1, 1), (3, 2)] as [(Double, Double)] {
            let request = makeRequest(of: 1)
            request.came = .seconds(came)
            request.begin(now: .seconds(2), deadline: .seconds(4))
            #expect(request.came == .seconds(expected))
            #expect(request.deadline == .seconds(4))
        }
    }

    @Test("knows of each message whether it knows its recipients")
    func recipients() {
        let knowing = Publication(exchange: "x", routingKey: "r", body: [])
        var unknowing = knowing
        unknowing.knowsRecipients = false
        let request = PublishRequest(Publications(unknowing, others: [knowing, unknowing]))
        #expect((0..<3).map { request.knowsRecipients(of: $0) } == [false, true, false])
    }

    @Test("ends rightly with every mix of three outcomes")
    func everyMix() {
        for first in Self.outcomes {
            for second in Self.outcomes {
                for third in Self.outcomes {
                    let mix = [first, second, third]
                    #expect(results(mix) == [expected(of: mix)], "\(mix)")
                }
            }
        }
    }

    @Test("prefers an unknown outcome to a certain failure, whichever came first")
    func unknownOutweighs() {
        let unknown = PublishRequest.Outcome.failed(.unknown(.channelClosed))
        #expect(results([unknown, .failed(.brokerNack)]) == [.failure(.unknown(.channelClosed))])
        #expect(results([.failed(.brokerNack), unknown]) == [.failure(.unknown(.channelClosed))])
    }

    /// Any unknown part makes the whole unknown; so does a failure beside a success.
    private func expected(of mix: [PublishRequest.Outcome]) -> Result<Routing, PublishError> {
        if mix.contains(Self.outcomes[3]) { return .failure(.unknown(.confirmTimedOut)) }
        let failures = mix.count { $0 == Self.outcomes[2] }
        if failures == mix.count { return .failure(.brokerNack) }
        if failures > 0 { return .failure(.unknown(.partial)) }
        if mix.contains(.confirmed(.routed)) { return .success(.routed) }
        return .success(mix.contains(.confirmed(.noExchange)) ? .noExchange : .unroutable)
    }

    private func results(_ outcomes: [PublishRequest.Outcome]) -> [Result<Routing, PublishError>] {
        let request = makeRequest(of: outcomes.count)
        return outcomes.compactMap { request.settle($0) }
    }

    private func makeRequest(of count: Int) -> PublishRequest {
        PublishRequest(
            Publications(Array(repeating: Publication(exchange: "x", routingKey: "r", body: []), count: count)))
    }
}
