internal import Synchronization

/// The number of channels that the broker has closed, by reply code. May be used on any thread.
package final class ChannelCloseCounters: Sendable {
    /// AMQP 0-9-1's reply codes (section 1.2), RabbitMQ's 406 among them: whatever a broker says, there are no more
    /// labels.
    private static let known: Set<Int> = [
        311, 312, 313, 320, 402, 403, 404, 405, 406, 501, 502, 503, 504, 505, 506, 530, 540, 541,
    ]

    private let counts = Mutex<[Int: UInt64]>([:])

    package init() {}

    package func count(code: Int) {
        counts.withLock { $0[Self.known.contains(code) ? code : 0, default: 0] += 1 }
    }

    /// The counts by reply code; codes that are not AMQP's count as 0.
    package var byCode: [Int: UInt64] { counts.withLock { $0 } }
}
