/// All hooks, and what CloudEvents become: a snapshot, which the next configuration replaces as a whole.
package final class HookTable: Sendable {
    private let hooks: [String: Hook]
    let cloudEvents: CloudEventMapping

    /// - Parameters:
    ///   - hooks: each with a name of its own.
    ///   - cloudEvents: `nil`: the standard mapping.
    package init(_ hooks: [Hook] = [], cloudEvents: CloudEventMapping? = nil) {
        self.hooks = Dictionary(uniqueKeysWithValues: hooks.map { ($0.name, $0) })
        self.cloudEvents = cloudEvents ?? .standard
    }

    /// No hooks, and the standard mapping of CloudEvents.
    package static let none = HookTable()

    subscript(name: String) -> Hook? { hooks[name] }
}
