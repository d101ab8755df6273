/// A JSON text and jansson's tree of it, for values that are kept; see ``ParsedJSON``.
public final class JSONDocument {
    let parsed: ParsedJSON

    public init(_ parsed: consuming ParsedJSON) {
        self.parsed = parsed
    }

    /// Parses one JSON text; see ``ParsedJSON/init(parsing:in:maximumDepth:)``.
    public convenience init(
        parsing bytes: [UInt8], in range: Range<Int>? = nil, maximumDepth: Int = 64
    ) throws(JSONError) {
        self.init(try ParsedJSON(parsing: bytes, in: range, maximumDepth: maximumDepth))
    }

    /// The document's text, UTF-8.
    public var bytes: [UInt8] { parsed.bytes }

    /// The outermost value.
    public var root: JSONValue { parsed.root(of: self) }
}
