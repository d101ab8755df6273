/// Writes one JSON value at the end of a buffer. Commas, colons, quotes and brackets are the writer's:
///
///     json.object {
///         $0.member("id", receipt.id)
///         $0.list("rooms") { for room in rooms { $0.element(room) } }
///     }
///
/// The byte in front of a value tells whether it takes a comma, so there is nothing to keep but the bytes: no value ends in
/// a byte that opens something.
@frozen
public struct JSONWriter {
    @usableFromInline var bytes: [UInt8]

    @inlinable @inline(__always)
    init(continuing bytes: consuming [UInt8]) {
        self.bytes = bytes
    }

    /// The bytes of one value.
    ///
    /// - Parameter capacity: how many bytes there will be, about.
    @inlinable @inline(__always)
    public static func bytes<Failure: Error>(
        capacity: Int = 0, _ write: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) -> [UInt8] {
        var json = JSONWriter(continuing: [])
        if capacity > 0 { json.bytes.reserveCapacity(capacity) }
        try write(&json)
        assert(!json.bytes.isEmpty, "no value was written")
        return json.bytes
    }

    /// Writes an object, whose members `write` writes.
    @inlinable @inline(__always)
    public mutating func object<Failure: Error>(
        _ write: (inout JSONObjectWriter) throws(Failure) -> Void
    ) throws(Failure) {
        expectValue()
        bytes.append(UInt8(ascii: "{"))
        var object = JSONObjectWriter(JSONWriter(continuing: []))
        swap(&object.json.bytes, &bytes)
        defer { swap(&object.json.bytes, &bytes) }
        try write(&object)
        object.json.bytes.append(UInt8(ascii: "}"))
    }

    /// Writes a list, whose elements `write` writes.
    @inlinable @inline(__always)
    public mutating func list<Failure: Error>(
        _ write: (inout JSONListWriter) throws(Failure) -> Void
    ) throws(Failure) {
        expectValue()
        bytes.append(UInt8(ascii: "["))
        var list = JSONListWriter(JSONWriter(continuing: []))
        swap(&list.json.bytes, &bytes)
        defer { swap(&list.json.bytes, &bytes) }
        try write(&list)
        list.json.bytes.append(UInt8(ascii: "]"))
    }

    /// Writes a string, with escapes for what JSON forbids in one (RFC 8259, section 7).
    public mutating func string(_ text: String) {
        expectValue()
        bytes.append(jsonString: text)
    }

    /// Writes a string that needs no escapes.
    @inlinable @inline(__always)
    public mutating func string(plain text: StaticString) {
        expectValue()
        bytes.append(quoted: text)
    }

    /// Writes a string of so many bytes that need no escapes.
    ///
    /// - Parameter write: has to write all of them.
    public mutating func string(plainBytes count: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void) {
        expectValue()
        bytes.append(quotedBytes: count, write)
    }

    public mutating func integer(_ number: Int) {
        expectValue()
        bytes.append(decimal: number)
    }

    @inlinable @inline(__always)
    public mutating func boolean(_ value: Bool) {
        expectValue()
        bytes.append(json: value ? "true" : "false")
    }

    @inlinable @inline(__always)
    public mutating func null() {
        expectValue()
        bytes.append(json: "null")
    }

    /// Writes one value that is JSON already.
    @inlinable @inline(__always)
    public mutating func verbatim(_ text: JSONText) {
        verbatim { $0.append(contentsOf: text.bytes) }
    }

    /// Writes one value, whose text `append` appends to the buffer. Nothing checks it here.
    @inlinable @inline(__always)
    public mutating func verbatim(_ append: (inout [UInt8]) -> Void) {
        expectValue()
        let count = bytes.count
        append(&bytes)
        assert(bytes.count > count, "an empty text is no value")
    }

    /// A second value at the same place is refused in debug builds.
    @inlinable @inline(__always)
    func expectValue() {
        assert(bytes.expectsJSONValue, "a value stands here already")
    }
}

/// A value that can be written as JSON.
public protocol JSONWritable {
    /// Writes exactly one value.
    func write(to json: inout JSONWriter)
}

extension String: JSONWritable {
    @inlinable @inline(__always)
    public func write(to json: inout JSONWriter) { json.string(self) }
}

extension Int: JSONWritable {
    @inlinable @inline(__always)
    public func write(to json: inout JSONWriter) { json.integer(self) }
}

extension Bool: JSONWritable {
    @inlinable @inline(__always)
    public func write(to json: inout JSONWriter) { json.boolean(self) }
}

extension JSONText: JSONWritable {
    @inlinable @inline(__always)
    public func write(to json: inout JSONWriter) { json.verbatim(self) }
}

/// `nil` is `null`.
extension Optional: JSONWritable where Wrapped: JSONWritable {
    @inlinable @inline(__always)
    public func write(to json: inout JSONWriter) {
        if let value = self { value.write(to: &json) } else { json.null() }
    }
}

extension Array: JSONWritable where Element: JSONWritable {
    @inlinable
    public func write(to json: inout JSONWriter) {
        json.list { list in
            for element in self { list.element(element) }
        }
    }
}
