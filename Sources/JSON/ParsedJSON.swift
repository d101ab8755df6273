/// A JSON text as it came, and jansson's tree of it: to be read once, value by value.
///
/// The tree answers what the text says; the text answers how it was said. Values know their span in the text, so a part
/// of it can be passed on exactly as it was written (`0.1` stays `0.1`, keys keep their order). Whoever keeps values makes a
/// ``JSONDocument`` of it.
public struct ParsedJSON: ~Copyable {
    /// What the text was given in, UTF-8.
    @usableFromInline let bytes: [UInt8]
    private let tree: JSONTree
    @usableFromInline let rootSpan: Range<Int>

    /// Parses one JSON text.
    ///
    /// - Parameters:
    ///   - bytes: the text. Anything but white space behind the value is an error.
    ///   - range: the part of `bytes` that is the text; `nil`: all of it. Spans count from the start of `bytes`.
    ///   - maximumDepth: how many arrays and objects may be open at once.
    ///   - outlines: of the texts that came before; made for the same `maximumDepth`, and to refuse repeated keys.
    /// - Throws: ``JSONError`` for text that is not JSON (RFC 8259), a repeated or NUL-carrying object key,
    ///   too deep nesting, or a number beyond a double.
    public init(
        parsing bytes: [UInt8], in range: Range<Int>? = nil, maximumDepth: Int = 64,
        known outlines: KnownOutlines? = nil
    ) throws(JSONError) {
        let text = bytes[range ?? bytes.indices]
        tree = try JSONTree(parsing: text, maximumDepth: maximumDepth, known: outlines)
        self.bytes = bytes
        // It is valid, so the root is all of it without the white space around it.
        rootSpan = JSONScanner.trimmed(text)
    }

    @usableFromInline var rootNode: OpaquePointer { OpaquePointer(tree.root) }

    /// Calls `body` with the outermost value.
    @inlinable
    public borrowing func withRoot<Result, Failure: Error>(
        _ body: (borrowing JSONView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let (root, span) = (rootNode, rootSpan)
        return try bytes.withUnsafeBufferPointer { bytes throws(Failure) in
            try body(JSONView(root, at: span, in: bytes))
        }
    }

    /// The outermost value, of the document that this has become a part of.
    func root(of document: JSONDocument) -> JSONValue {
        JSONValue(document: document, node: rootNode, span: rootSpan)
    }
}
