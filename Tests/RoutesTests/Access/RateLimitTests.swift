import AMQPBridge
import Dispatch
import EventLoop
import Synchronization
import Testing

@testable import Routes

@Suite("A rate")
struct RateLimitTests {
    private static let start = MonotonicTime(nanoseconds: 5_000_000_000)

    @Test("lets a burst pass, then one for each of its intervals")
    func burst() throws {
        let limit = RateLimit(try #require(Rate(10, per: .seconds(1))))
        for _ in 0..<10 { #expect(limit.take(now: Self.start) == nil) }
        #expect(limit.take(now: Self.start) == .milliseconds(100))
        #expect(limit.take(now: Self.start + .milliseconds(99)) == .milliseconds(1))
        #expect(limit.take(now: Self.start + .milliseconds(100)) == nil)
        #expect(limit.take(now: Self.start + .milliseconds(100)) == .milliseconds(100))
        // A long rest saves up no more than a burst.
        let later = Self.start + .seconds(3_600)
        for _ in 0..<10 { #expect(limit.take(now: later) == nil) }
        #expect(limit.take(now: later) != nil)
    }

    @Test(
        "is divided among gateways: together they give what it is, and each lets one pass at least",
        arguments: [(300, 1, 3, "100 requests a second"), (100, 1, 3, "100 requests in 3 seconds, and 33 at once")]
            + [
                (1, 3_600, 4, "1 requests in 14400 seconds"),
                (7, 86_400, 1_000, "7 requests in 86400000 seconds, and 1 at once"),
            ])
    func shares(count: Int, seconds: Int, gateways: Int, text: String) throws {
        let rate = try #require(Rate(count, per: .seconds(seconds)))
        let share = rate.share(of: gateways)
        #expect("\(share)" == text)
        let limit = RateLimit(share)
        for _ in 0..<share.burst { #expect(limit.take(now: Self.start) == nil) }
        #expect(limit.take(now: Self.start) == .nanoseconds(seconds * 1_000_000_000 * gateways / count))
        #expect(rate.share(of: 1) == rate)
    }

    @Test("takes all or none")
    func several() throws {
        let limit = RateLimit(try #require(Rate(10, per: .seconds(1))))
        #expect(limit.take(8, now: Self.start) == nil)
        #expect(limit.take(3, now: Self.start) == .milliseconds(100))
        #expect(limit.take(2, now: Self.start) == nil)
    }

    @Test("can let more come at once than in its period, or less")
    func ownBurst() throws {
        let more = RateLimit(try #require(Rate(1, per: .seconds(60), burst: 3)))
        for _ in 0..<3 { #expect(more.take(now: Self.start) == nil) }
        #expect(more.take(now: Self.start) == .seconds(60))
        let less = RateLimit(try #require(Rate(100, per: .seconds(1), burst: 1)))
        #expect(less.take(now: Self.start) == nil)
        #expect(less.take(now: Self.start) == .milliseconds(10))
    }

    @Test("says how many are left and when all are back")
    func state() throws {
        let limit = RateLimit(try #require(Rate(2, per: .seconds(1))))
        func fields(_ now: MonotonicTime) -> [String] {
            response(limit, now).allFields.map { "\($0.name)=\($0.value)" }
        }
        #expect(fields(Self.start) == ["RateLimit-Limit=2", "RateLimit-Remaining=2", "RateLimit-Reset=0"])
        _ = limit.take(now: Self.start)
        #expect(fields(Self.start) == ["RateLimit-Limit=2", "RateLimit-Remaining=1", "RateLimit-Reset=1"])
        _ = limit.take(now: Self.start)
        #expect(fields(Self.start) == ["RateLimit-Limit=2", "RateLimit-Remaining=0", "RateLimit-Reset=1"])
        #expect(limit.state(now: Self.start + .milliseconds(500)).remaining == 1)
        #expect(fields(Self.start + .seconds(1))[2] == "RateLimit-Reset=0")
    }

    @Test("says numbers of any size", arguments: [1, 9, 10, 99, 100, 12_345, 999_999, 1_000_000])
    func numbers(burst: Int) throws {
        let limit = RateLimit(try #require(Rate(1, per: .seconds(31), burst: burst)))
        let before = response(limit, Self.start).allFields
        _ = limit.take(burst, now: Self.start)
        let after = response(limit, Self.start).allFields
        #expect(before.map(\.value) == ["\(burst)", "\(burst)", "0"])
        #expect(after.map(\.value) == ["\(burst)", "0", "\(31 * burst)"])
        #expect(after.map(\.name) == ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"])
    }

    private func response(_ limit: RateLimit, _ now: MonotonicTime) -> Response {
        var response = Response(status: 200)
        response.rate = limit.told(now: now)
        return response
    }

    @Test("is the same over all threads")
    func threads() throws {
        let limit = RateLimit(try #require(Rate(5_000, per: .seconds(3_600))))
        let passed = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<2_000 where limit.take(now: Self.start) == nil { passed.add(1, ordering: .relaxed) }
        }
        #expect(passed.load(ordering: .relaxed) == 5_000)
    }

    @Test("has bounds in which nothing overflows")
    func bounds() throws {
        for (count, period, burst) in [
            (0, .seconds(1), nil), (-1, .seconds(1), nil), (1_000_000_001, .seconds(1), nil), (1, .zero, nil),
            (1, .seconds(86_401), nil), (1, .seconds(1), 0), (1, .seconds(1), 1_000_001), (1, .seconds(86_400), 366),
        ] as [(Int, Duration, Int?)] {
            #expect(Rate(count, per: period, burst: burst) == nil, "\(count) \(period) \(burst as Any)")
        }
        for rate in [
            Rate(1_000_000_000, per: .seconds(1)), Rate(1, per: .seconds(86_400), burst: 365),
            Rate(1_000_000_000, per: .nanoseconds(1)),
        ] {
            let limit = RateLimit(try #require(rate))
            #expect(limit.take(limit.rate.burst, now: Self.start) == nil)
            #expect(limit.take(now: Self.start) != nil)
            #expect(limit.state(now: Self.start).remaining == 0)
        }
    }
}
