internal import YAML

extension YAMLNode {
    /// `{/a}`, `{body}` or `{header:Name}` without quotes, which YAML takes for a mapping; as a mapping it has no use.
    var unquotedTemplate: String? {
        guard case .mapping(let members) = content, members.count == 1 else { return nil }
        let (key, _, value) = members[0]
        switch value.content {
        case .null where key == "body" || key.hasPrefix("/") || key.hasPrefix("header:"): return "{\(key)}"
        // With a space behind the colon.
        case .scalar(let name) where key == "header": return "{header:\(name)}"
        default: return nil
        }
    }

    /// The fault of a template without quotes.
    static func needsQuotes(_ template: String) -> String { "needs quotes: \"\(template)\"" }

    /// Whether a line of YAML has a template in it that may be why the text cannot be read: `repo:{/id}` in a list, or
    /// `{/a}-{/b}`.
    static func mayHaveUnquotedTemplate(_ line: Substring) -> Bool {
        ["{/", "{body}", "{header:"].contains { line.contains($0) }
    }
}
