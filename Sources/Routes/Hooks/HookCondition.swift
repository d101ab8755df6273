internal import JSON

/// Something that must be so for a delivery to become an event.
package struct HookCondition: Sendable {
    package enum Test: Sendable {
        case equals(String)
        case isOneOf([String])
        /// A pattern in which `*` stands for anything.
        case matches(String)
    }

    let value: Template
    private let names: [String]
    private let glob: Glob?
    private let test: Test

    /// - Parameter value: a template; of numbers and booleans their text is compared, as it was sent.
    package init(value: String, _ test: Test) throws(HookConfigurationError) {
        self.value = try Template(value, of: "when")
        self.test = test
        switch test {
        case .equals(let name): (names, glob) = ([name], nil)
        case .isOneOf(let list):
            guard !list.isEmpty else { throw HookConfigurationError("when", "an empty list is never met") }
            (names, glob) = (list, nil)
        case .matches(let pattern): (names, glob) = ([], Glob(pattern))
        }
    }

    /// Why it is not met; `nil`: it is. A value that is not there meets no condition.
    ///
    /// - Parameter index: its place among the conditions.
    func unmet(by source: TemplateSource, index: Int) -> UnmetCondition? {
        let found: Result<String, UnfilledTemplate>
        do throws(UnfilledTemplate) {
            let text = try value.text(from: source)
            if isMet(by: text) { return nil }
            found = .success(text)
        } catch {
            found = .failure(error)
        }
        return UnmetCondition(index: index, value: value.text, test: test, found: found)
    }

    private func isMet(by text: String) -> Bool {
        if let glob { return glob.matches(text) }
        return names.contains { $0.utf8.elementsEqual(text.utf8) }
    }
}

/// Why a delivery becomes no event though nothing is wrong with it.
package struct UnmetCondition: Sendable {
    /// Its place in the list of conditions, which counts from 0.
    package let index: Int
    /// The template that is compared.
    package let value: String
    package let test: HookCondition.Test
    /// The delivery's value there.
    let found: Result<String, UnfilledTemplate>

    /// Where the condition stands, without anything of the delivery: for logs.
    package var place: String { "when[\(index)] (\(value))" }

    /// The condition, and what it was compared with: it shows what was delivered.
    package var description: String {
        switch found {
        case .success(let text): "when[\(index)]: \(value) is \(text.quoted), and must \(test)"
        case .failure(let unfilled): "when[\(index)]: \(unfilled.detail), and \(value) must \(test)"
        }
    }
}

extension HookCondition.Test: CustomStringConvertible {
    /// As in "it must …".
    package var description: String {
        switch self {
        case .equals(let name): "equal \(name.quoted)"
        case .isOneOf(let list): "be one of \(list.map(\.quoted).joined(separator: ", "))"
        case .matches(let pattern): "match \(pattern.quoted)"
        }
    }
}

extension String {
    /// In quotes, on one line; a long text's beginning.
    fileprivate var quoted: String {
        (unicodeScalars.count > 200 ? String(unicodeScalars.prefix(199)) + "…" : self).jsonLiteral
    }
}
