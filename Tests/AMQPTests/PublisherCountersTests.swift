import Testing

@testable import AMQP

@Suite("The publisher's counters")
struct PublisherCountersTests {
    @Test("count each outcome where it belongs")
    func counts() {
        let counters = PublisherCounters()
        let publication = Publication(exchange: "x", routingKey: "r", body: [])
        let outcomes: [(PublishRequest.Outcome, times: Int)] = [
            (.confirmed(.routed), 1), (.confirmed(.unroutable), 2), (.failed(.brokerNack), 3),
            (.failed(.unknown(.partial)), 4),
        ]
        for (outcome, times) in outcomes {
            for _ in 0..<times { counters.count(outcome, knowsRecipients: publication.knowsRecipients) }
        }
        #expect(counters.routed.value == 1)
        #expect(counters.unrouted.value == 2)
        #expect(counters.failed.value == 3)
        #expect(counters.unknown.value == 4)
        #expect(counters.queued.value == 0)
    }

    @Test("do not take a queue for a server where nobody can tell")
    func queued() {
        let counters = PublisherCounters()
        var publication = Publication(exchange: "x", routingKey: "r", body: [])
        publication.knowsRecipients = false
        counters.count(.confirmed(.routed), knowsRecipients: publication.knowsRecipients)
        counters.count(.confirmed(.unroutable), knowsRecipients: publication.knowsRecipients)
        #expect(counters.queued.value == 1 && counters.routed.value == 0 && counters.unrouted.value == 1)
    }
}
