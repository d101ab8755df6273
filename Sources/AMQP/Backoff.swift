/// The delay before the next try to connect: doubling, with jitter, so that many gateways do not knock at once.
struct Backoff: Sendable {
    var first: Duration = .milliseconds(100)
    var longest: Duration = .seconds(5)
    private var failures = 0

    init(first: Duration = .milliseconds(100), longest: Duration = .seconds(5)) {
        self.first = first
        self.longest = longest
    }

    /// The wait after one more failure: between half and all of `first * 2^failures`, never more than `longest`.
    ///
    /// - Parameter jitter: a random number in `0..<1`.
    mutating func next(jitter: Double) -> Duration {
        let full = min(first * (1 << min(failures, 16)), longest)
        failures += 1
        return full / 2 + (full / 2) * jitter
    }

    mutating func reset() {
        failures = 0
    }
}
