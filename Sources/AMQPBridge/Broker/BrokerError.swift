/// Why there is no connection to the broker (any more). Carries no credentials.
public struct BrokerError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
