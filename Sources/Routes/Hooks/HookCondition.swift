/// Something that must be so for a delivery to become an event.
public struct HookCondition: Sendable {
    public enum Test: Sendable {
        case equals(String)
        case isOneOf([String])
        /// A pattern in which `*` stands for anything.
        case matches(String)
    }

    private let value: Template
    private let names: [String]
    private let glob: Glob?

    /// - Parameter value: a template; of numbers and booleans their text is compared, as it was sent.
    public init(value: String, _ test: Test) throws(HookConfigurationError) {
        self.value = try Template(value, of: "when")
        switch test {
        case .equals(let name): (names, glob) = ([name], nil)
        case .isOneOf(let list):
            guard !list.isEmpty else { throw HookConfigurationError("when", "an empty list is never met") }
            (names, glob) = (list, nil)
        case .matches(let pattern): (names, glob) = ([], Glob(pattern))
        }
    }

    /// A value that is not there meets no condition.
    func isMet(by source: TemplateSource) -> Bool {
        guard let text = try? value.text(from: source) else { return false }
        if let glob { return glob.matches(text) }
        return names.contains { $0.utf8.elementsEqual(text.utf8) }
    }
}
