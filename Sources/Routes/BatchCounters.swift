internal import AMQPBridge
package import EventLoop

/// The outcomes of the items of batches. Written on one event loop, read from anywhere.
package final class BatchCounters: Sendable {
    package let confirmed = Counter()
    package let failed = Counter()
    /// Those that may have been delivered.
    package let unknown = Counter()

    init() {}

    func count(confirmed: Int, failed: Int, unknown: Int) {
        self.confirmed.add(UInt64(confirmed))
        self.failed.add(UInt64(failed))
        self.unknown.add(UInt64(unknown))
    }
}
