/// The reason why there is no connection to the broker (any more). Carries no credentials.
public struct BrokerError: Error, Equatable, CustomStringConvertible {
    /// The kind of failure, as far as the remedy depends on it.
    public enum Cause: Sendable {
        /// The broker does not know the user, or the password is another.
        case credentials
        case noVirtualHost
        /// The user may do nothing in the virtual host.
        case noPermission
        /// The broker does not let us in, for another reason.
        case refused
        case other
    }

    public let description: String
    public let cause: Cause

    package init(_ description: String, cause: Cause = .other) {
        self.description = description
        self.cause = cause
    }
}

extension BrokerError {
    package static let noThread = BrokerError("the system refuses another thread")

    /// The error for a `connection.close`, with the broker's own words.
    package static func connectionClosed(_ close: ConnectionClose) -> BrokerError {
        BrokerError("the broker closed the connection: \(close)")
    }
}
