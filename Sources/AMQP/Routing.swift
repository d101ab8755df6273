/// The destination of messages that the broker has confirmed.
public enum Routing: Sendable, Equatable {
    /// Into a queue at least.
    case routed
    /// Into none: it was returned.
    case unroutable
    /// Nowhere: the exchange does not exist.
    case noExchange

    /// The routing of two messages of one emit together.
    func joined(_ other: Routing) -> Routing {
        if self == .routed || other == .routed { return .routed }
        return self == .noExchange ? self : other
    }
}
