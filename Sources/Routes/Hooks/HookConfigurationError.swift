/// A fault in a hook's configuration, in a sentence for its author.
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
