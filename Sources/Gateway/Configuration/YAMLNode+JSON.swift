public import JSON
public import YAML

extension YAMLNode {
    /// Whether a scalar is JSON as it stands: a number, `true`, `false`, or nothing.
    var isJSONConstant: Bool {
        switch content {
        case .null: true
        case .scalar(let text) where !isQuoted: text == "true" || text == "false" || Self.isNumber(text)
        default: false
        }
    }

    /// The same value in JSON: unquoted numbers and booleans are what they are there, all other scalars are strings.
    var json: String { String(decoding: JSONWriter.bytes { write(to: &$0) }, as: UTF8.self) }

    private static func isNumber(_ text: String) -> Bool {
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first) else { return false }
        guard let document = try? JSONDocument(parsing: Array(text.utf8)) else { return false }
        return document.root.kind == .number
    }
}

extension YAMLNode: JSONWritable {
    public func write(to json: inout JSONWriter) {
        switch content {
        case .null: json.null()
        case .scalar(let text) where isJSONConstant: json.verbatim { $0.append(contentsOf: text.utf8) }
        case .scalar(let text): json.string(text)
        case .sequence(let elements): json.list { for element in elements { $0.element(element) } }
        case .mapping(let members): json.object { for member in members { $0.member(named: member.key, member.value) } }
        }
    }
}
