internal import CJansson

/// A JSON document: the text as it came, and jansson's tree of it.
///
/// The tree answers what the document says; the text answers how it was said. Values know their span in the text, so a
/// part of the document can be passed on exactly as it was written (`0.1` stays `0.1`, keys keep their order).
public final class JSONDocument {
    /// The document's text, UTF-8.
    public let bytes: [UInt8]
    private let tree: OpaqueTree
    private let rootSpan: Range<Int>

    /// Parses one JSON text.
    ///
    /// - Parameters:
    ///   - bytes: the text. Anything but white space behind the value is an error.
    ///   - range: the part of `bytes` that is the text; `nil`: all of it. Spans count from the start of `bytes`.
    ///   - maximumDepth: how many arrays and objects may be open at once.
    /// - Throws: ``JSONError`` for text that is not JSON (RFC 8259), a repeated or NUL-carrying object key,
    ///   too deep nesting, or a number beyond a double.
    public init(parsing bytes: [UInt8], in range: Range<Int>? = nil, maximumDepth: Int = 64) throws(JSONError) {
        let text = bytes[range ?? bytes.indices]
        // jansson recurses; a hostile depth is refused before it sees the text.
        guard JSONScanner.depth(of: text) <= maximumDepth else {
            throw JSONError(kind: .tooDeep, detail: "more than \(maximumDepth) levels of arrays and objects")
        }
        precondition(JSONLibrary.isPrepared)
        self.bytes = bytes
        self.tree = try OpaqueTree(parsing: text)
        // It is valid, so the root is all of it without the white space around it.
        rootSpan = JSONScanner.trimmed(text)
    }

    /// The outermost value.
    public var root: JSONValue {
        JSONValue(document: self, node: tree.root, span: rootSpan)
    }
}

/// Owns jansson's root reference. "The caller owns the returned reference" (jansson manual, json_loadb).
private final class OpaqueTree {
    let root: UnsafeMutablePointer<json_t>

    init(parsing text: ArraySlice<UInt8>) throws(JSONError) {
        var error = json_error_t()
        var flags = Int(JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY)
        var root = Self.load(text, flags, &error)
        if root == nil, json_error_code(&error) == json_error_numeric_overflow {
            // An integer beyond 64 bits: as a double it can be checked, and it is passed on from the text, digit by digit.
            flags |= Int(JSON_DECODE_INT_AS_REAL)
            root = Self.load(text, flags, &error)
        }
        guard let root else { throw JSONError(error) }
        self.root = root
    }

    private static func load(
        _ text: ArraySlice<UInt8>, _ flags: Int, _ error: inout json_error_t
    ) -> UnsafeMutablePointer<json_t>? {
        text.withUnsafeBytes { buffer in
            // jansson wants a non-null pointer for the empty text, too.
            guard let start = buffer.baseAddress else { return json_loadb("", 0, flags, &error) }
            return json_loadb(start.assumingMemoryBound(to: CChar.self), buffer.count, flags, &error)
        }
    }

    deinit { json_decref(root) }
}

extension JSONError {
    /// jansson's error as ours. Its text can quote the input, which belongs in no log: only the place is kept.
    fileprivate init(_ error: json_error_t) {
        var copy = error
        let place = "line \(error.line), column \(error.column)"
        switch json_error_code(&copy) {
        case json_error_duplicate_key:
            self.init(kind: .duplicateKey, detail: "an object has the same key twice, at \(place)")
        case json_error_null_byte_in_key:
            self.init(kind: .invalid, detail: "an object key contains NUL, at \(place)")
        case json_error_numeric_overflow:
            self.init(kind: .invalid, detail: "a number is too large for a double, at \(place)")
        case json_error_invalid_utf8:
            self.init(kind: .invalid, detail: "the text is not valid UTF-8")
        case json_error_stack_overflow:
            self.init(kind: .tooDeep, detail: "too many levels of arrays and objects")
        case json_error_premature_end_of_input:
            self.init(kind: .invalid, detail: "the text ends inside a value, at \(place)")
        case json_error_end_of_input_expected:
            self.init(kind: .invalid, detail: "there is something behind the value, at \(place)")
        default:
            self.init(kind: .invalid, detail: "a syntax error at \(place)")
        }
    }
}
