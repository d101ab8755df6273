/// One value of a ``JSONDocument``, which can be kept: it holds the document. What it says, a ``JSONView`` of it reads.
public struct JSONValue {
    public enum Kind: String, Sendable {
        case object, array, string, number, boolean, null
    }

    private let document: JSONDocument
    /// Borrowed: the document holds the tree as long as any value of it lives.
    private let node: OpaquePointer
    /// The value's own bytes in the document, without white space around it.
    public let span: Range<Int>

    init(document: JSONDocument, node: OpaquePointer, span: Range<Int>) {
        self.document = document
        self.node = node
        self.span = span
    }

    /// Calls `body` with a view of the value.
    public func look<Result, Failure: Error>(
        _ body: (borrowing JSONView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try document.bytes.withUnsafeBufferPointer { bytes throws(Failure) in
            try body(JSONView(node, at: span, in: bytes))
        }
    }

    /// The value that is looked at, so that it can be kept.
    private func value(_ view: borrowing JSONView) -> JSONValue {
        JSONValue(document: document, node: view.node, span: view.span)
    }

    public var kind: Kind { look { $0.kind } }
    public var string: String? { look { $0.string } }
    public var boolean: Bool? { look { $0.boolean } }

    /// The number, if it is a whole one that fits; see ``JSONView/integer``.
    public var integer: Int? { look { $0.integer } }

    /// The number, if it is written as an integer that fits; see ``JSONView/integerLiteral``.
    public var integerLiteral: Int? { look { $0.integerLiteral } }

    /// The number of an array's elements or an object's members; 0 for anything else.
    public var count: Int { look { $0.count } }

    /// The value as it was written.
    public var text: JSONText { look { $0.text(in: document.bytes) } }

    /// The text between an array's brackets, as it was written; `nil` for anything but an array.
    public var elementsText: JSONText? { look { $0.elementsText(in: document.bytes) } }

    /// The elements of an array, in order; none for anything else.
    public func elements() -> [JSONValue] {
        var elements: [JSONValue] = []
        elements.reserveCapacity(count)
        forEachElement { elements.append($1) }
        return elements
    }

    /// Calls `body` with each element of an array, in order; never for anything else.
    public func forEachElement<E: Error>(_ body: (_ index: Int, _ value: JSONValue) throws(E) -> Void) throws(E) {
        try look { view throws(E) in
            try view.forEachElement { index, element throws(E) in try body(index, value(element)) }
        }
    }

    /// Calls `body` with each member of an object in the order of the text; none for anything else.
    public func forEachMember<E: Error>(_ body: (_ key: String, _ value: JSONValue) throws(E) -> Void) throws(E) {
        try look { view throws(E) in
            try view.forEachMember { key, member throws(E) in try body(key.text, value(member)) }
        }
    }
}
