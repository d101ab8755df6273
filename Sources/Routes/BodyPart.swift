internal import JSON

/// The part of a body that is read as one JSON text.
enum BodyPart: Sendable {
    case whole
    /// An element of `{"items": […]}`.
    case item
    /// A line of NDJSON.
    case line
}

extension ParsedJSON {
    /// - Parameters:
    ///   - range: where in `bytes` the text stands.
    ///   - outlines: of the texts that came before.
    init(
        _ bytes: [UInt8], in range: Range<Int>, _ part: BodyPart, known outlines: KnownOutlines? = nil
    ) throws(Problem) {
        do throws(JSONError) {
            try self.init(parsing: bytes, in: range, known: outlines)
        } catch {
            throw Problem(error, part)
        }
    }
}

extension JSONDocument {
    /// The delivery, as one text.
    convenience init(delivered bytes: [UInt8]) throws(Problem) {
        self.init(try ParsedJSON(bytes, in: bytes.textRange, .whole))
    }
}

extension Problem {
    init(_ error: JSONError, _ part: BodyPart = .whole) {
        switch error.kind {
        case .invalid: self.init(.invalidJSON, error.detail)
        case .duplicateKey: self.init(.duplicateKey, error.detail)
        case .tooDeep: self.init(.tooDeep, error.detail)
        case .empty: self.init(.invalidJSON, part == .whole ? "the body is empty: JSON is expected" : error.detail)
        case .trailing: self.init(.invalidJSON, error.detail + part.hintBehindValue)
        }
    }
}

extension BodyPart {
    /// A hint for a sender of more than one value.
    fileprivate var hintBehindValue: String {
        switch self {
        case .whole: ": a body is one JSON value (many emits: POST /v1/batch)"
        case .item: ""
        case .line:
            ": NDJSON has each value on a line of its own; curl keeps line feeds with --data-binary, not with -d"
        }
    }
}

extension Problem.Place {
    /// A field that nobody knows.
    ///
    /// - Parameters:
    ///   - pointer: to the object that it stands in.
    ///   - known: what the object may have.
    ///   - words: what else people call some of them.
    static func unknown(
        _ name: String, in pointer: String = "", among known: some Sequence<String>, words: [String: String] = [:]
    ) -> Self {
        let hint =
            if let meant = words[name] { "; did you mean \"\(meant)\"?" } else {
                Suggestion.of(known, for: name, quote: "\"")
            }
        return Self("\(pointer)/\(token(name))", "no such field" + hint)
    }
}
