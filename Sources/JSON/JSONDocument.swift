/// A JSON document: the text as it came, and jansson's tree of it.
///
/// The tree answers what the document says; the text answers how it was said. Values know their span in the text, so a
/// part of the document can be passed on exactly as it was written (`0.1` stays `0.1`, keys keep their order).
public final class JSONDocument {
    /// The document's text, UTF-8.
    public let bytes: [UInt8]
    private let tree: JSONTree
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
        guard JSONScanner.openings(of: text) <= maximumDepth || JSONScanner.depth(of: text) <= maximumDepth else {
            throw JSONError(kind: .tooDeep, detail: "more than \(maximumDepth) levels of arrays and objects")
        }
        self.bytes = bytes
        self.tree = try JSONTree(parsing: text)
        // It is valid, so the root is all of it without the white space around it.
        rootSpan = JSONScanner.trimmed(text)
    }

    /// The outermost value.
    public var root: JSONValue {
        JSONValue(document: self, node: tree.root, span: rootSpan)
    }
}
