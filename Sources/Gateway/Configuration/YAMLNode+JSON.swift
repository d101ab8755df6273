internal import JSON
internal import YAML

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
    var json: String {
        switch content {
        case .null: return "null"
        case .scalar(let text): return isJSONConstant ? text : Self.quoted(text)
        case .sequence(let elements): return "[\(elements.map(\.json).joined(separator: ","))]"
        case .mapping(let members):
            return "{\(members.map { "\(Self.quoted($0.key)):\($0.value.json)" }.joined(separator: ","))}"
        }
    }

    private static func isNumber(_ text: String) -> Bool {
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first) else { return false }
        guard let document = try? JSONDocument(parsing: Array(text.utf8)) else { return false }
        return document.root.kind == .number
    }

    private static func quoted(_ text: String) -> String {
        var json: [UInt8] = []
        json.append(jsonString: text)
        return String(decoding: json, as: UTF8.self)
    }
}
