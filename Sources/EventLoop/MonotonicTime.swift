internal import Glibc

/// A point on the monotonic clock, in nanoseconds. Deadlines are values, so that pure logic takes "now" as an argument.
public struct MonotonicTime: Comparable, Hashable, Sendable {
    public var nanoseconds: Int64

    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// Later than all that comes.
    @inlinable public static var never: MonotonicTime { MonotonicTime(nanoseconds: .max) }

    public static func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    // All of them, for what stands for them in the protocols is called through a table in other modules.
    @inlinable
    public static func == (lhs: MonotonicTime, rhs: MonotonicTime) -> Bool { lhs.nanoseconds == rhs.nanoseconds }
    @inlinable
    public static func < (lhs: MonotonicTime, rhs: MonotonicTime) -> Bool { lhs.nanoseconds < rhs.nanoseconds }
    @inlinable
    public static func <= (lhs: MonotonicTime, rhs: MonotonicTime) -> Bool { lhs.nanoseconds <= rhs.nanoseconds }
    @inlinable
    public static func > (lhs: MonotonicTime, rhs: MonotonicTime) -> Bool { lhs.nanoseconds > rhs.nanoseconds }
    @inlinable
    public static func >= (lhs: MonotonicTime, rhs: MonotonicTime) -> Bool { lhs.nanoseconds >= rhs.nanoseconds }

    @inlinable
    public static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: time.nanoseconds + duration.nanoseconds)
    }

    @inlinable
    public static func - (lhs: MonotonicTime, rhs: MonotonicTime) -> Duration {
        .nanoseconds(lhs.nanoseconds - rhs.nanoseconds)
    }
}

extension MonotonicTime {
    /// The same as adding a `Duration`, whose 128 bits cost more than the rest of what a request does with time.
    @inlinable
    public func advanced(byNanoseconds nanoseconds: Int64) -> MonotonicTime {
        MonotonicTime(nanoseconds: self.nanoseconds + nanoseconds)
    }
}

extension Duration {
    @inlinable
    public var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
