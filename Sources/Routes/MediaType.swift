/// Reading `Content-Type` (RFC 9110, section 8.3.1).
enum MediaType: String, Sendable {
    case json = "application/json"
    /// A JSON text on each line (github.com/ndjson/ndjson-spec).
    case ndjson = "application/x-ndjson"

    /// - Parameter contentType: in UTF-8 if it names a charset. Other parameters mean nothing and are ignored.
    init?(_ contentType: String) {
        if contentType == Self.json.rawValue {
            self = .json
            return
        }
        let type = ContentType(contentType)
        guard type.isUTF8 else { return nil }
        self.init(rawValue: type.essence)
    }
}

/// A `Content-Type` taken to pieces.
struct ContentType {
    /// Type and subtype, in lower case.
    let essence: String
    /// Whether the text is in UTF-8, as it is unless a charset says otherwise.
    let isUTF8: Bool

    init(_ text: String) {
        let parts = text.split(separator: ";", omittingEmptySubsequences: false).map {
            Self.trimmed($0).lowercased()
        }
        essence = parts[0]
        isUTF8 = parts.dropFirst().allSatisfy { parameter in
            guard parameter.hasPrefix("charset=") else { return true }
            let charset = parameter.dropFirst("charset=".count)
            return charset == "utf-8" || charset == "\"utf-8\""
        }
    }

    /// `application/json`, or anything that says that it is written in JSON (RFC 6839, section 3.1).
    var isJSON: Bool { essence == "application/json" || essence.hasSuffix("+json") }

    var isForm: Bool { essence == "application/x-www-form-urlencoded" }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
