/// Where the broker has put what it has confirmed.
public enum Routing: Sendable, Equatable {
    /// Into a queue at least.
    case routed
    /// Into none: it was returned.
    case unroutable
    /// Nowhere: the exchange does not exist.
    case noExchange

    /// What two messages of one emit have come to together.
    func joined(_ other: Routing) -> Routing {
        if self == .routed || other == .routed { return .routed }
        return self == .noExchange ? self : other
    }
}
