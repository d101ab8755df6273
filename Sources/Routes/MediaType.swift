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
        let parts = contentType.split(separator: ";", omittingEmptySubsequences: false).map {
            Self.trimmed($0).lowercased()
        }
        let isUTF8 = parts.dropFirst().allSatisfy { parameter in
            guard parameter.hasPrefix("charset=") else { return true }
            let charset = parameter.dropFirst("charset=".count)
            return charset == "utf-8" || charset == "\"utf-8\""
        }
        guard isUTF8 else { return nil }
        self.init(rawValue: parts[0])
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
