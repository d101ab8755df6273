/// A piece of JSON text that is passed on as it is: one value, or the comma-separated elements of an array.
public struct JSONText: Sendable, Equatable {
    public let bytes: ArraySlice<UInt8>

    /// No text at all: the elements of `[]`.
    @inlinable public static var empty: JSONText { JSONText(verbatim: ArraySlice()) }

    /// Takes text that is known to be valid; nothing checks it here.
    @inlinable
    public init(verbatim bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    public var isEmpty: Bool { bytes.isEmpty }
}
