public import AMQPBridge

/// The outcomes of the items of batches. Written on one event loop, read from anywhere.
public final class BatchCounters: Sendable {
    public let confirmed = Counter()
    public let failed = Counter()
    /// Those that may have been delivered.
    public let unknown = Counter()

    init() {}

    func count(confirmed: Int, failed: Int, unknown: Int) {
        self.confirmed.add(UInt64(confirmed))
        self.failed.add(UInt64(failed))
        self.unknown.add(UInt64(unknown))
    }
}
