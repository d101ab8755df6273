/// What a hook shares with who delivers to it. It appears in no description.
struct HookSecret: Sendable, CustomStringConvertible, CustomReflectable {
    /// Not empty.
    let bytes: [UInt8]

    init?(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return nil }
        self.bytes = bytes
    }

    var description: String { "a hook's secret" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
