import Testing

@testable import AMQP

@Suite("What a loop alone counts")
struct LoopCounterTests {
    @Test("adds up")
    func counts() {
        let counter = LoopCounter()
        for count in [1, 2, 0, 40] as [UInt64] { counter.add(count) }
        #expect(counter.value == 43)
    }

    @Test("goes up and down")
    func gauges() {
        let gauge = LoopGauge()
        for count in [3, -1, -5] { gauge.add(count) }
        #expect(gauge.value == -3)
    }
}
