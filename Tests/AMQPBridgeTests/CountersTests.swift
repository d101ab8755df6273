import Testing

@testable import AMQPBridge

@Suite("Counters")
struct CountersTests {
    @Test("count each case in its place, and none where nothing was")
    func cases() {
        let counters = CaseCounters<UnroutedReason>()
        for reason in [UnroutedReason.noMember, .noExchange, .noMember] { counters.count(reason) }
        #expect(counters.counts.map(\.outcome) == UnroutedReason.allCases)
        #expect(counters.counts.filter { $0.count > 0 }.map { ($0.outcome, $0.count) }.count == 2)
        #expect(counters.counts.first { $0.outcome == .noMember }?.count == 2)
        #expect(counters.counts.first { $0.outcome == .noExchange }?.count == 1)
    }

    @Test("add to one place only")
    func places() {
        let counters = Counters(3)
        counters.add(5, at: 1)
        counters.add(at: 2)
        #expect(counters.values == [0, 5, 1])
    }
}
