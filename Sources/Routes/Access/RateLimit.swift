internal import AMQPBridge
internal import EventLoop
internal import Synchronization

/// So many in so long.
package struct Rate: Sendable, Hashable {
    /// At least 1.
    package let count: Int
    package let period: Duration
    /// How many may come at once.
    package let burst: Int

    /// - Parameters:
    ///   - count: 1 to 1,000,000,000.
    ///   - period: at most a day.
    ///   - burst: 1 to 1,000,000, and no more than what comes together in a year.
    package init?(_ count: Int, per period: Duration, burst: Int? = nil) {
        let burst = burst ?? min(count, Self.largestBurst)
        guard (1...1_000_000_000).contains(count), (1...Self.largestBurst).contains(burst), period > .zero,
            period <= .seconds(86_400), period / count * burst <= .seconds(365 * 86_400)
        else { return nil }
        self.count = count
        self.period = period
        self.burst = burst
    }

    private init(shared count: Int, per period: Duration, burst: Int) {
        self.count = count
        self.period = period
        self.burst = burst
    }

    /// The part of each of several gateways, so that they give the rate together. One may always come.
    package func share(of gateways: Int) -> Rate {
        let burst = max(1, burst / gateways)
        return count.isMultiple(of: gateways)
            ? Rate(shared: count / gateways, per: period, burst: burst)
            : Rate(shared: count, per: period * gateways, burst: burst)
    }

    private static let largestBurst = 1_000_000
}

/// Holds one caller to a rate, over all event loops and without a lock.
///
/// A bucket of tokens, kept as the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371): that
/// is one number, which loops exchange atomically.
///
/// `@unchecked Sendable`: a pointer to an atomic number.
package final class RateLimit: @unchecked Sendable {
    package let rate: Rate
    /// Nanoseconds for a token, and for all of them.
    private let interval: Int64
    private let capacity: Int64
    private let bucket: Bucket
    /// The bucket's: what is asked for every request counts no references to an object that all loops use.
    private let fullAt: UnsafeMutablePointer<Atomic<Int64>>

    /// The tokens, for all copies.
    private final class Bucket: @unchecked Sendable {
        let fullAt = UnsafeMutablePointer<Atomic<Int64>>.allocate(capacity: 1)

        init() { fullAt.initialize(to: Atomic(0)) }

        deinit {
            fullAt.deinitialize(count: 1)
            fullAt.deallocate()
        }
    }

    package convenience init(_ rate: Rate) { self.init(rate, Bucket()) }

    private init(_ rate: Rate, _ bucket: Bucket) {
        self.rate = rate
        self.bucket = bucket
        fullAt = bucket.fullAt
        interval = max(1, rate.period.nanoseconds / Int64(rate.count))
        capacity = interval * Int64(rate.burst)
    }

    /// Another object that takes from the same tokens.
    func copied() -> RateLimit { RateLimit(rate, bucket) }

    /// How long it takes until there is one more token.
    var timeForOne: Duration { .nanoseconds(interval) }

    /// Takes tokens, all or none.
    ///
    /// - Parameter count: at most the rate's burst: there are never more.
    /// - Returns: after how long there will be enough; `nil` if there were.
    func take(_ count: Int = 1, now: MonotonicTime) -> Duration? {
        let now = now.nanoseconds
        let cost = interval * Int64(count)
        var seen = fullAt.pointee.load(ordering: .relaxed)
        while true {
            let next = max(seen, now) + cost
            if next - now > capacity { return .nanoseconds(next - now - capacity) }
            let (exchanged, original) = fullAt.pointee.compareExchange(
                expected: seen, desired: next, ordering: .relaxed)
            if exchanged { return nil }
            seen = original
        }
    }

    /// How many tokens are left, and how long until all are back.
    func state(now: MonotonicTime) -> (remaining: Int, reset: Duration) {
        let missing = missing(now: now)
        return (remaining(of: missing), .nanoseconds(missing))
    }

    /// How many nanoseconds until all are back.
    private func missing(now: MonotonicTime) -> Int64 {
        max(0, fullAt.pointee.load(ordering: .relaxed) - now.nanoseconds)
    }

    private func remaining(of missing: Int64) -> Int {
        // Another loop may have taken some since it was asked what time it is.
        Int(max(0, capacity - missing) / interval)
    }
}

/// What a caller learns of its rate with every answer: how many may come at once, how many are left, and in how many seconds all
/// are back (draft-ietf-httpapi-ratelimit-headers-06).
package struct RateState: Sendable, Equatable {
    package let limit: Int
    package let remaining: Int
    package let reset: Int

    /// Calls `body` with each header that says so, its value as C reads it.
    package func forEachField(_ body: (_ name: StaticString, _ value: UnsafePointer<CChar>) -> Void) {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Self.mostDigits + 1) { place in
            body("RateLimit-Limit", Self.decimal(limit, in: place))
            body("RateLimit-Remaining", Self.decimal(remaining, in: place))
            body("RateLimit-Reset", Self.decimal(reset, in: place))
        }
    }

    /// The digits of the largest number.
    private static let mostDigits = 19

    /// A number from 0 in decimal digits, at the end of `place`.
    private static func decimal(_ number: Int, in place: UnsafeMutableBufferPointer<CChar>) -> UnsafePointer<CChar> {
        var (rest, start) = (number, place.count - 1)
        place[start] = 0
        repeat {
            start -= 1
            place[start] = CChar(UInt8(ascii: "0")) + CChar(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        return UnsafePointer(place.baseAddress! + start)
    }
}

extension RateLimit {
    func told(now: MonotonicTime) -> RateState {
        let missing = missing(now: now)
        return RateState(
            limit: rate.burst, remaining: remaining(of: missing), reset: Int((missing + 999_999_999) / 1_000_000_000))
    }
}
