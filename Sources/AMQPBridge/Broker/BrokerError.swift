/// Why there is no connection to the broker (any more). Carries no credentials.
struct BrokerError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
