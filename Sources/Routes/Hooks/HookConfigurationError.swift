/// A fault in a hook's configuration, in a sentence for its author.
package struct HookConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Which setting: `rooms[0]`.
    package let field: String
    package let detail: String

    package init(_ field: String, _ detail: String) {
        self.field = field
        self.detail = detail
    }

    package var description: String { "\(field): \(detail)" }
}
