import Testing

@testable import AMQPBridge

@Suite("The publisher's counters")
struct PublisherCountersTests {
    @Test("count each outcome where it belongs")
    func counts() {
        let counters = PublisherCounters()
        let outcomes: [(PublishTicket.Outcome, times: Int)] = [
            (.confirmed(.routed), 1), (.confirmed(.unroutable), 2), (.failed(.brokerNack), 3),
            (.failed(.unknown(.partial)), 4),
        ]
        for (outcome, times) in outcomes {
            for _ in 0..<times { counters.count(outcome) }
        }
        #expect(counters.routed.value == 1)
        #expect(counters.unrouted.value == 2)
        #expect(counters.failed.value == 3)
        #expect(counters.unknown.value == 4)
    }
}
