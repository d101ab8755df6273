/// What is wrong with a hook's configuration, in a sentence for who has written it.
public struct HookConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Which setting: `rooms[0]`.
    public let field: String
    public let detail: String

    public init(_ field: String, _ detail: String) {
        self.field = field
        self.detail = detail
    }

    public var description: String { "\(field): \(detail)" }
}
