internal import Synchronization

/// What one publisher has done so far. Written on its event loop, read from anywhere.
public final class PublisherCounters: Sendable {
    /// Messages that a server wanted, as far as the broker can tell.
    public let routed = Counter()
    /// Messages that a queue has taken, of which nobody can tell whether a server is behind it.
    public let queued = Counter()
    public let unrouted = Counter()
    /// Emits that nobody was there for, by the reason.
    public let unroutedEmits = CaseCounters<UnroutedReason>()
    public let failed = Counter()
    public let unknown = Counter()
    public let timedOut = Counter()
    public let connects = Counter()
    public let channelsClosed = ChannelCloseCounters()
    /// Messages that wait to be published or confirmed: this one goes down, too.
    public let unsettled = Gauge()

    public init() {}

    /// - Parameter knowsRecipients: see ``Publication/knowsRecipients``.
    func count(_ outcome: PublishRequest.Outcome, knowsRecipients: Bool) {
        switch outcome {
        case .confirmed(.routed): if knowsRecipients { routed.add(1) } else { queued.add(1) }
        case .confirmed(.unroutable), .confirmed(.noExchange): unrouted.add(1)
        case .failed(.unknown): unknown.add(1)
        case .failed: failed.add(1)
        }
    }
}

/// A number that only grows. Any thread adds, any may read.
public struct Counter: ~Copyable, Sendable {
    private let number = Atomic<UInt64>(0)

    public init() {}

    public func add(_ count: UInt64) {
        number.wrappingAdd(count, ordering: .relaxed)
    }

    public var value: UInt64 { number.load(ordering: .relaxed) }
}

/// A number that goes up and down. Any thread changes it, any may read.
public struct Gauge: ~Copyable, Sendable {
    private let number = Atomic<Int>(0)

    public init() {}

    public func add(_ count: Int) {
        number.wrappingAdd(count, ordering: .relaxed)
    }

    public func set(_ count: Int) {
        number.store(count, ordering: .relaxed)
    }

    public var value: Int { number.load(ordering: .relaxed) }
}
