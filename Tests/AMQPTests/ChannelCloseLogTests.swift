import BrokerFixtures
import EventLoop
import Logging
import Testing

@testable import AMQP

@Suite("The log of closed channels")
struct ChannelCloseLogTests {
    @Test("has ten lines at once, then one a second, which says how many were left out")
    func budget() {
        var budget = LineBudget()
        let start = MonotonicTime.seconds(1)
        for _ in 0..<10 { #expect(budget.take(now: start) == 0) }
        for _ in 0..<5 { #expect(budget.take(now: start) == nil) }
        #expect(budget.take(now: start + .milliseconds(999)) == nil)
        #expect(budget.take(now: start + .seconds(1)) == 6)
        #expect(budget.take(now: start + .seconds(1)) == nil)
        #expect(budget.take(now: start + .milliseconds(1_999)) == nil)
        #expect(budget.take(now: start + .seconds(2)) == 2)
        // However long nothing happens, there are ten again and no more.
        let later = start + .seconds(3_600)
        for _ in 0..<10 { #expect(budget.take(now: later) == 0) }
        #expect(budget.take(now: later) == nil)
    }

    @Test("counts every close by its code; what is no code of AMQP has none of its own")
    func counts() {
        let counters = ChannelCloseCounters()
        let log = ChannelCloseLog(Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, counters)
        for code in [404, 406, 406, 1, 65_535] {
            log.note(ChannelClose(channel: 1, code: code, text: ""), now: .seconds(1))
        }
        #expect(counters.byCode == [404: 1, 406: 2, 0: 2])
    }
}
