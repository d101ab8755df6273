internal import CJansson
internal import Glibc

/// One value of a ``JSONDocument``: what it is, and where in the text it stands.
public struct JSONValue {
    public enum Kind: String, Sendable {
        case object, array, string, number, boolean, null
    }

    fileprivate let document: JSONDocument
    /// Borrowed: the document holds the tree as long as any value of it lives.
    fileprivate let node: OpaquePointer
    /// The value's own bytes in the document, without white space around it.
    public let span: Range<Int>

    init(document: JSONDocument, node: UnsafeMutablePointer<json_t>, span: Range<Int>) {
        self.document = document
        self.node = OpaquePointer(node)
        self.span = span
    }

    private var pointer: UnsafeMutablePointer<json_t> { UnsafeMutablePointer(node) }

    public var kind: Kind {
        switch pointer.pointee.type {
        case JSON_OBJECT: .object
        case JSON_ARRAY: .array
        case JSON_STRING: .string
        case JSON_INTEGER, JSON_REAL: .number
        case JSON_TRUE, JSON_FALSE: .boolean
        default: .null
        }
    }

    public var string: String? {
        guard kind == .string, let start = json_string_value(pointer) else { return nil }
        let count = json_string_length(pointer)
        // It is empty, or it says what it says in the text.
        guard count > 0 else {
            return String(decoding: document.bytes[span.lowerBound + 1..<span.upperBound - 1], as: UTF8.self)
        }
        return start.withMemoryRebound(to: UInt8.self, capacity: count) {
            String(decoding: UnsafeBufferPointer(start: $0, count: count), as: UTF8.self)
        }
    }

    public var boolean: Bool? {
        switch pointer.pointee.type {
        case JSON_TRUE: true
        case JSON_FALSE: false
        default: nil
        }
    }

    /// The number, if it is a whole one (`5000` and `5000.0` alike, as in JSON Schema) that fits.
    public var integer: Int? {
        switch pointer.pointee.type {
        case JSON_INTEGER: Int(json_integer_value(pointer))
        case JSON_REAL: wholeNumber(json_real_value(pointer))
        default: nil
        }
    }

    /// Beyond 2^53 a double is not the number that was written: integers are doubles, too, in a document with one beyond 64 bits.
    private func wholeNumber(_ number: Double) -> Int? {
        if abs(number) < 0x1p53 { return Int(exactly: number) }
        return Int(String(decoding: document.bytes[span], as: UTF8.self))
    }

    /// The number, if it is written as an integer, digit by digit (`42`, but neither `42.0` nor `4.2e1`), that fits.
    public var integerLiteral: Int? {
        guard kind == .number else { return nil }
        return Int(String(decoding: document.bytes[span], as: UTF8.self))
    }

    /// The number of an array's elements or an object's members; 0 for anything else.
    public var count: Int {
        switch kind {
        case .array: json_array_size(pointer)
        case .object: json_object_size(pointer)
        default: 0
        }
    }

    /// The value as it was written.
    public var text: JSONText { JSONText(verbatim: document.bytes[span]) }

    /// The text between an array's brackets, as it was written; `nil` for anything but an array.
    public var elementsText: JSONText? {
        guard kind == .array else { return nil }
        guard count > 0 else { return .empty }
        return JSONText(verbatim: document.bytes[(span.lowerBound + 1)..<(span.upperBound - 1)])
    }

    /// The elements of an array, in order; none for anything else.
    public func elements() -> [JSONValue] {
        var elements: [JSONValue] = []
        elements.reserveCapacity(count)
        forEachElement { elements.append($1) }
        return elements
    }

    /// Calls `body` with each element of an array, in order; never for anything else.
    public func forEachElement<E: Error>(_ body: (_ index: Int, _ value: JSONValue) throws(E) -> Void) throws(E) {
        guard kind == .array else { return }
        var scanner = JSONScanner(document.bytes, at: span.lowerBound + 1)
        for index in 0..<count {
            let span = scanner.nextElement()
            // json_array_get borrows and returns NULL only for an index out of range (jansson manual).
            try body(index, JSONValue(document: document, node: json_array_get(pointer, index)!, span: span))
        }
    }

    /// Calls `body` with each member of an object in the order of the text; none for anything else.
    ///
    /// jansson iterates in the order of insertion, which is the order of the text, and refuses repeated keys:
    /// so its nth member is the nth of the text, whatever escapes the key was written with.
    public func forEachMember<E: Error>(_ body: (_ key: String, _ value: JSONValue) throws(E) -> Void) throws(E) {
        try forEachNamedMember { key, value throws(E) in try body(key.text, value) }
    }

    /// The same, with keys that can be compared without making strings of them.
    public func forEachNamedMember<E: Error>(
        _ body: (_ key: JSONKey, _ value: JSONValue) throws(E) -> Void
    ) throws(E) {
        guard kind == .object else { return }
        var scanner = JSONScanner(document.bytes, at: span.lowerBound + 1)
        var iterator = json_object_iter(pointer)
        while let current = iterator {
            let span = scanner.nextMember()
            let key = JSONKey(
                start: json_object_iter_key(current)!, count: json_object_iter_key_len(current))
            try body(key, JSONValue(document: document, node: json_object_iter_value(current)!, span: span))
            iterator = json_object_iter_next(pointer, current)
        }
    }
}

/// The key of a member, while its object is looked at: most keys are compared, and few are shown.
public struct JSONKey {
    /// The tree's, which outlives the look.
    fileprivate let start: UnsafePointer<CChar>
    fileprivate let count: Int

    public var text: String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Whether the key has the bytes of a name.
    public static func ~= (name: StaticString, key: JSONKey) -> Bool {
        name.utf8CodeUnitCount == key.count && memcmp(name.utf8Start, key.start, key.count) == 0
    }
}
