internal import JSON

/// A text with holes that a delivery fills: `repo:{/repository/full_name}`.
///
/// - `{/json/pointer}`: what a JSON Pointer (RFC 6901) finds in the body;
/// - `{body}`: the whole body;
/// - `{header:Name}`: a request header;
/// - `{{` and `}}`: a brace.
///
/// A key with a brace in it cannot be pointed to.
package struct Template: Sendable, Equatable {
    package struct ParseError: Error, Equatable, Sendable, CustomStringConvertible {
        /// Counts from 1.
        package let byte: Int
        package let detail: String
        package var description: String { "\(detail), at byte \(byte)" }
    }

    enum Part: Sendable, Equatable {
        case constant(String)
        /// With what stands between the braces.
        case value(JSONPointer, String)
        /// In lower case, with what stands between the braces.
        case header(String, String)
    }

    let parts: [Part]
    /// As it was written.
    let text: String

    package init(_ text: String) throws(ParseError) {
        self.text = text
        var parser = TemplateParser(text)
        parts = try parser.parse()
    }

    /// Whether it is the same for every delivery.
    var isConstant: Bool { constant != nil }

    /// The text, if it is the same for every delivery.
    var constant: String? {
        var text = ""
        for part in parts {
            guard case .constant(let piece) = part else { return nil }
            text += piece
        }
        return text
    }
}

/// Reads a template from left to right.
private struct TemplateParser {
    private let bytes: [UInt8]
    private var position = 0
    private var parts: [Template.Part] = []
    private var constant: [UInt8] = []

    /// Headers whose values must not become anybody's event.
    private static let secretHeaders: Set<String> = ["authorization", "proxy-authorization", "cookie", "x-api-key"]

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func parse() throws(Template.ParseError) -> [Template.Part] {
        while position < bytes.count {
            let byte = bytes[position]
            let isDoubled = position + 1 < bytes.count && bytes[position + 1] == byte
            switch byte {
            case UInt8(ascii: "{") where !isDoubled: try readPlaceholder()
            case UInt8(ascii: "}") where !isDoubled:
                throw error("'}' without '{'; a brace itself is '}}'", at: position)
            case UInt8(ascii: "{"), UInt8(ascii: "}"):
                constant.append(byte)
                position += 2
            default:
                constant.append(byte)
                position += 1
            }
        }
        endConstant()
        return parts
    }

    private mutating func endConstant() {
        guard !constant.isEmpty else { return }
        parts.append(.constant(String(decoding: constant, as: UTF8.self)))
        constant = []
    }

    private mutating func readPlaceholder() throws(Template.ParseError) {
        let start = position
        guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "}")) else {
            throw error("'{' without '}'; a brace itself is '{{'", at: start)
        }
        let source = String(decoding: bytes[(start + 1)..<end], as: UTF8.self)
        guard !source.utf8.contains(UInt8(ascii: "{")) else { throw error("a '{' inside of braces", at: start) }
        endConstant()
        parts.append(try part(source, at: start))
        position = end + 1
    }

    private func part(_ source: String, at start: Int) throws(Template.ParseError) -> Template.Part {
        if source == "body" { return .value(.wholeDocument, source) }
        if source.hasPrefix("/") {
            do throws(JSONPointer.ParseError) {
                return .value(try JSONPointer(source), source)
            } catch {
                throw self.error(error.detail, at: start)
            }
        }
        guard source.hasPrefix("header:") else {
            throw error("braces hold a JSON Pointer ({/a/b}), {header:Name} or {body}", at: start)
        }
        let name = source.dropFirst("header:".count).lowercased()
        guard name.isHeaderName else { throw error("{header:Name} needs the name of a header", at: start) }
        guard !Self.secretHeaders.contains(name) else { throw error("credentials are not passed on", at: start) }
        return .header(name, source)
    }

    private func error(_ detail: String, at position: Int) -> Template.ParseError {
        Template.ParseError(byte: position + 1, detail: detail)
    }
}

extension String {
    /// A token (RFC 9110, section 5.6.2) in lower case.
    var isHeaderName: Bool {
        !isEmpty
            && utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}
