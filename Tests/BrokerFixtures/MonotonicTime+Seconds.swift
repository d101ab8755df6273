package import EventLoop

extension MonotonicTime {
    /// A point in a test's own time.
    package static func seconds(_ seconds: Double) -> MonotonicTime {
        MonotonicTime(nanoseconds: Int64(seconds * 1_000_000_000))
    }
}
