import BrokerFixtures
import Testing

@testable import EventLoop

@Suite("Monotonic time")
struct MonotonicTimeTests {
    @Test("goes forward")
    func goesForward() {
        let first = MonotonicTime.now()
        #expect(first <= MonotonicTime.now())
        #expect(first.nanoseconds > 0)
    }

    @Test("is moved by durations, and measured in them")
    func arithmetic() {
        let time = MonotonicTime(nanoseconds: 5)
        #expect(time + .milliseconds(2) == MonotonicTime(nanoseconds: 2_000_005))
        #expect(time + .seconds(-1) == MonotonicTime(nanoseconds: -999_999_995))
        #expect((time + .seconds(3)) - time == .seconds(3))
        #expect(time - (time + .nanoseconds(1)) == .nanoseconds(-1))
        #expect(time < time + .nanoseconds(1))
    }

    @Test(
        "counts durations in nanoseconds",
        arguments: [
            (.zero, 0), (.nanoseconds(1), 1), (.seconds(3_600), 3_600_000_000_000),
            (.milliseconds(-1_500), -1_500_000_000),
        ]
            as [(Duration, Int64)])
    func nanoseconds(duration: Duration, nanoseconds: Int64) {
        #expect(duration.nanoseconds == nanoseconds)
    }
}
