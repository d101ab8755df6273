internal import Glibc

/// Reading `Content-Type` (RFC 9110, section 8.3.1).
enum MediaType: String, Sendable {
    case json = "application/json"
    /// A JSON text on each line (github.com/ndjson/ndjson-spec).
    case ndjson = "application/x-ndjson"

    /// Other names of NDJSON that are in use. Web pages can send none of these without asking first (CORS).
    private static let otherNamesOfNDJSON: Set<String> = ["application/ndjson", "application/jsonl"]

    /// The kind of a request's body.
    init?(_ fields: borrowing HeaderFields) {
        // Nearly all.
        if fields.withValue(of: .contentType, Self.isJSON) == true {
            self = .json
            return
        }
        guard let type = fields[.contentType] else { return nil }
        self.init(type)
    }

    private static func isJSON(_ type: UnsafeBufferPointer<UInt8>) -> Bool {
        let json: StaticString = "application/json"
        return type.count == json.utf8CodeUnitCount && memcmp(type.baseAddress!, json.utf8Start, type.count) == 0
    }

    /// - Parameter contentType: in UTF-8 if it names a charset. Other parameters mean nothing and are ignored.
    init?(_ contentType: String) {
        // Nearly all.
        if contentType == Self.json.rawValue {
            self = .json
            return
        }
        let type = ContentType(contentType)
        guard type.isUTF8 else { return nil }
        if type.isJSON {
            self = .json
        } else if type.essence == Self.ndjson.rawValue || Self.otherNamesOfNDJSON.contains(type.essence) {
            self = .ndjson
        } else {
            return nil
        }
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
            switch parameter.dropFirst("charset=".count) {
            // The second is no registered name, and what some libraries send.
            case "utf-8", "utf8", "\"utf-8\"", "\"utf8\"": return true
            default: return false
            }
        }
    }

    /// `application/json`, its old name `text/json`, or anything that says that it is written in JSON (RFC 6839, section 3.1).
    var isJSON: Bool { essence == "application/json" || essence == "text/json" || essence.hasSuffix("+json") }

    var isForm: Bool { essence == "application/x-www-form-urlencoded" }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }
}
