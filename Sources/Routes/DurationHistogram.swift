internal import AMQPBridge
internal import EventLoop

/// How long something took, by upper bounds. Written on one event loop, read from anywhere.
final class DurationHistogram: Sendable {
    /// In nanoseconds: from what a confirmed emit takes to the longest that servers and clients may be waited for.
    static let bounds: [Int64] = [
        1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000,
        1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000, 30_000_000_000, 60_000_000_000,
    ]

    private let bounds = DurationHistogram.bounds
    /// One for each bound, and one for what is beyond the last.
    private let counters = Counters(DurationHistogram.bounds.count + 1)
    private let sum = Counter()

    func add(nanoseconds: Int64) {
        var index = 0
        while index < bounds.count, nanoseconds > bounds[index] { index += 1 }
        counters.add(at: index)
        sum.add(UInt64(max(0, nanoseconds)))
    }

    /// How many there are up to each bound, and all; and what they come to.
    var sample: (cumulative: [UInt64], nanoseconds: UInt64) {
        var total: UInt64 = 0
        // The sum first: what is added meanwhile is not in it.
        let nanoseconds = sum.value
        return (
            counters.values.map {
                total += $0
                return total
            }, nanoseconds
        )
    }
}
