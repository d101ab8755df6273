/// A value of a YAML document, and where it stands. Scalars are text: what they mean is for the reader to say.
public struct YAMLNode: Sendable {
    public enum Content: Sendable {
        /// Nothing: no text at all, `~` or `null`, without quotes.
        case null
        case scalar(String)
        case sequence([YAMLNode])
        /// In the order of the document; every key once, with its own line.
        case mapping([(key: String, line: Int, value: YAMLNode)])
    }

    public let content: Content
    /// Counted from 1.
    public let line: Int
    /// Whether a scalar is text for certain.
    public let isQuoted: Bool

    public init(_ content: Content, line: Int, isQuoted: Bool = false) {
        self.content = content
        self.line = line
        self.isQuoted = isQuoted
    }
}

/// Why a text is not a document.
public struct YAMLError: Error, Sendable, Equatable {
    /// Counted from 1.
    public let line: Int
    public let detail: String

    init(line: Int, _ detail: String) {
        self.line = line
        self.detail = detail
    }
}
