import BrokerFixtures
import Testing

@testable import EventLoop

@Suite("The limit of warnings")
struct WarningLimiterTests {
    @Test("is one a minute of each subject, however many there are")
    func limiter() {
        var limiter = WarningLimiter<String>()
        let now = MonotonicTime.seconds(100)
        func isAllowed(_ subject: String?, _ now: MonotonicTime) -> Bool { limiter.allows(subject, now: now) }
        let told = (0..<10_000).count { isAllowed("\($0)", now) }
        #expect(told == 101)
        #expect(!isAllowed("0", now + .milliseconds(59_999)) && isAllowed("0", now + .seconds(60)))
        #expect(!isAllowed("0", now + .seconds(60)))
        #expect(isAllowed("new", now + .seconds(60)) && !isAllowed("new", now + .seconds(61)))
    }

    @Test("is the same for what has no subject")
    func none() {
        var limiter = WarningLimiter<String>()
        let now = MonotonicTime.seconds(100)
        func isAllowed(_ now: MonotonicTime) -> Bool { limiter.allows(nil, now: now) }
        #expect(isAllowed(now) && !isAllowed(now) && isAllowed(now + .seconds(60)))
    }
}
