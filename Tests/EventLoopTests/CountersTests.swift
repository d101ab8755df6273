import Testing

@testable import EventLoop

@Suite("Counters")
struct CountersTests {
    @Test("count each case in its place, and none where nothing was")
    func cases() {
        enum Outcome: CaseIterable { case won, drawn, lost }
        let counters = CaseCounters<Outcome>()
        for outcome in [Outcome.lost, .won, .lost] { counters.count(outcome) }
        #expect(counters.counts.map(\.outcome) == Outcome.allCases)
        #expect(counters.counts.map(\.count) == [1, 0, 2])
    }

    @Test("add to one place only")
    func places() {
        let counters = Counters(3)
        counters.add(5, at: 1)
        counters.add(at: 2)
        #expect(counters.values == [0, 5, 1])
    }
}
