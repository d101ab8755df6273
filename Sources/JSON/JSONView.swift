internal import CJansson
internal import Glibc

/// One value of a ``ParsedJSON`` while somebody looks at it: what it is, and where in the text it stands.
///
/// It is only ever lent, and cannot be copied, so nobody can have it for longer than the text and the tree are there: it
/// holds neither. ``JSONValue`` can be kept.
public struct JSONView: ~Copyable {
    /// The tree's.
    let node: OpaquePointer
    /// The text's.
    private let bytes: UnsafeBufferPointer<UInt8>
    /// The value's own bytes in the text, without white space around it.
    public let span: Range<Int>

    @usableFromInline
    init(_ node: OpaquePointer, at span: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>) {
        self.node = node
        self.bytes = bytes
        self.span = span
    }

    private var pointer: UnsafeMutablePointer<json_t> { UnsafeMutablePointer(node) }

    public var kind: JSONValue.Kind {
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
        // It is empty, or it says what it says in the text (``JSONOutline``).
        guard count > 0 else {
            return String(
                decoding: UnsafeBufferPointer(rebasing: bytes[span.lowerBound + 1..<span.upperBound - 1]), as: UTF8.self
            )
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
        // One that is zero says what it says in the text (``JSONOutline``).
        case JSON_INTEGER:
            switch json_integer_value(pointer) {
            case 0: writtenInteger
            case let integer: Int(integer)
            }
        case JSON_REAL:
            switch json_real_value(pointer) {
            case 0: wholeNumber(Double(written) ?? 0)
            case let number: wholeNumber(number)
            }
        default: nil
        }
    }

    /// Beyond 2^53 a double is not the number that was written: integers are doubles, too, in a document with one beyond 64 bits.
    private func wholeNumber(_ number: Double) -> Int? {
        if abs(number) < 0x1p53 { return Int(exactly: number) }
        return writtenInteger
    }

    /// The number, if it is written as an integer, digit by digit (`42`, but neither `42.0` nor `4.2e1`), that fits.
    public var integerLiteral: Int? { kind == .number ? writtenInteger : nil }

    private var writtenInteger: Int? { Int(written) }

    private var written: String { String(decoding: bytes[span], as: UTF8.self) }

    /// The number of an array's elements or an object's members; 0 for anything else.
    public var count: Int {
        switch kind {
        case .array: json_array_size(pointer)
        case .object: json_object_size(pointer)
        default: 0
        }
    }

    /// The value as it was written.
    ///
    /// - Parameter bytes: those that were parsed.
    public func text(in bytes: [UInt8]) -> JSONText { JSONText(verbatim: bytes[span]) }

    /// The text between an array's brackets, as it was written; `nil` for anything but an array.
    ///
    /// - Parameter bytes: those that were parsed.
    public func elementsText(in bytes: [UInt8]) -> JSONText? {
        guard kind == .array else { return nil }
        guard count > 0 else { return .empty }
        return JSONText(verbatim: bytes[(span.lowerBound + 1)..<(span.upperBound - 1)])
    }

    /// Calls `body` with each element of an array, in order; never for anything else.
    public func forEachElement<E: Error>(
        _ body: (_ index: Int, _ value: borrowing JSONView) throws(E) -> Void
    ) throws(E) {
        guard kind == .array else { return }
        var position = span.lowerBound + 1
        for index in 0..<count {
            let span = bytes.span.element(from: position)
            position = span.upperBound
            // json_array_get borrows and returns NULL only for an index out of range (jansson manual).
            try body(index, JSONView(OpaquePointer(json_array_get(pointer, index)!), at: span, in: bytes))
        }
    }

    /// Calls `body` with each member of an object in the order of the text; none for anything else.
    ///
    /// jansson iterates in the order of insertion, which is the order of the text, and refuses repeated keys:
    /// so its nth member is the nth of the text, whatever escapes the key was written with.
    public func forEachMember<E: Error>(
        _ body: (_ key: JSONKey, _ value: borrowing JSONView) throws(E) -> Void
    ) throws(E) {
        guard kind == .object else { return }
        var position = span.lowerBound + 1
        var iterator = json_object_iter(pointer)
        while let current = iterator {
            let span = bytes.span.member(from: position).value
            position = span.upperBound
            let key = JSONKey(
                start: json_object_iter_key(current)!, count: json_object_iter_key_len(current))
            try body(key, JSONView(OpaquePointer(json_object_iter_value(current)!), at: span, in: bytes))
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
