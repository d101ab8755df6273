/// Why a text was not accepted as JSON. The detail names a place, never the content.
public struct JSONError: Error, Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        case invalid
        /// There is nothing in it.
        case empty
        /// Something stands behind a value that is valid by itself.
        case trailing
        case duplicateKey
        case tooDeep
    }

    public let kind: Kind
    public let detail: String

    public init(kind: Kind, detail: String) {
        self.kind = kind
        self.detail = detail
    }
}
