/// Writes the members of an object. Nothing looks whether a key comes twice.
@frozen
public struct JSONObjectWriter {
    @usableFromInline var json: JSONWriter

    @inlinable @inline(__always)
    init(_ json: consuming JSONWriter) {
        self.json = json
    }

    /// - Parameter key: needs no escapes.
    @inlinable @inline(__always)
    public mutating func member(_ key: StaticString, _ value: some JSONWritable) {
        json.bytes.append(jsonKey: key)
        value.write(to: &json)
        expectEndOfMember()
    }

    /// - Parameters:
    ///   - key: needs no escapes, like `text`.
    ///   - text: becomes a string.
    @inlinable @inline(__always)
    public mutating func member(_ key: StaticString, plain text: StaticString) {
        json.bytes.append(jsonKey: key)
        json.string(plain: text)
    }

    /// Leaves the member out when there is no value; ``member(_:_:)`` writes `null` then.
    @inlinable @inline(__always)
    public mutating func member(_ key: StaticString, ifPresent value: (some JSONWritable)?) {
        if let value { member(key, value) }
    }

    /// Writes a member whose value `write` writes.
    @inlinable @inline(__always)
    public mutating func member<Failure: Error>(
        _ key: StaticString, _ write: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        json.bytes.append(jsonKey: key)
        try write(&json)
        expectEndOfMember()
    }

    /// Writes a member with an object in it.
    @inlinable @inline(__always)
    public mutating func object<Failure: Error>(
        _ key: StaticString, _ write: (inout JSONObjectWriter) throws(Failure) -> Void
    ) throws(Failure) {
        json.bytes.append(jsonKey: key)
        try json.object(write)
    }

    /// Writes a member with a list in it.
    @inlinable @inline(__always)
    public mutating func list<Failure: Error>(
        _ key: StaticString, _ write: (inout JSONListWriter) throws(Failure) -> Void
    ) throws(Failure) {
        json.bytes.append(jsonKey: key)
        try json.list(write)
    }

    /// - Parameter name: a key of any characters.
    @inlinable
    public mutating func member(named name: String, _ value: some JSONWritable) {
        json.bytes.append(jsonKey: name)
        value.write(to: &json)
        expectEndOfMember()
    }

    /// Writes a member whose value `write` writes.
    ///
    /// - Parameter name: a key of any characters.
    @inlinable @inline(__always)
    public mutating func member<Failure: Error>(
        named name: String, _ write: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        json.bytes.append(jsonKey: name)
        try write(&json)
        expectEndOfMember()
    }

    /// Writes members that are JSON already, if any; see ``JSONText/members(_:)``.
    public mutating func members(verbatim text: JSONText) {
        guard !text.isEmpty else { return }
        json.bytes.separateJSON()
        json.bytes.append(json: text)
    }

    @inlinable @inline(__always)
    func expectEndOfMember() {
        assert(!json.bytes.expectsJSONValue, "no value was written")
    }
}

/// Writes the elements of a list.
@frozen
public struct JSONListWriter {
    @usableFromInline var json: JSONWriter

    @inlinable @inline(__always)
    init(_ json: consuming JSONWriter) {
        self.json = json
    }

    @inlinable @inline(__always)
    public mutating func element(_ value: some JSONWritable) {
        json.bytes.separateJSON()
        value.write(to: &json)
        expectEndOfElement()
    }

    /// Writes an element that `write` writes.
    @inlinable @inline(__always)
    public mutating func element<Failure: Error>(
        _ write: (inout JSONWriter) throws(Failure) -> Void
    ) throws(Failure) {
        json.bytes.separateJSON()
        try write(&json)
        expectEndOfElement()
    }

    @inlinable @inline(__always)
    public mutating func object<Failure: Error>(
        _ write: (inout JSONObjectWriter) throws(Failure) -> Void
    ) throws(Failure) {
        json.bytes.separateJSON()
        try json.object(write)
    }

    @inlinable @inline(__always)
    public mutating func list<Failure: Error>(
        _ write: (inout JSONListWriter) throws(Failure) -> Void
    ) throws(Failure) {
        json.bytes.separateJSON()
        try json.list(write)
    }

    /// Writes elements that are JSON already, if any; see ``JSONText/elements(_:)``.
    public mutating func elements(verbatim text: JSONText) {
        guard !text.isEmpty else { return }
        json.bytes.separateJSON()
        json.bytes.append(json: text)
    }

    @inlinable @inline(__always)
    func expectEndOfElement() {
        assert(!json.bytes.expectsJSONValue, "no value was written")
    }
}

extension JSONListWriter {
    /// For the elements alone, which are not written in one go.
    ///
    /// - Parameter capacity: how many bytes there will be, about.
    public init(capacity: Int) {
        self.init(JSONWriter(continuing: []))
        json.bytes.reserveCapacity(capacity)
    }

    /// Those that are there, without brackets.
    public var elements: JSONText { JSONText(verbatim: json.bytes[...]) }
}

extension JSONText {
    /// The members of an object, without its braces.
    @inlinable
    public static func members<Failure: Error>(
        _ write: (inout JSONObjectWriter) throws(Failure) -> Void
    ) throws(Failure) -> JSONText {
        var object = JSONObjectWriter(JSONWriter(continuing: []))
        object.json.bytes.reserveCapacity(128)
        try write(&object)
        return JSONText(verbatim: object.json.bytes[...])
    }

    /// The elements of a list, without its brackets.
    @inlinable
    public static func elements<Failure: Error>(
        _ write: (inout JSONListWriter) throws(Failure) -> Void
    ) throws(Failure) -> JSONText {
        var list = JSONListWriter(JSONWriter(continuing: []))
        try write(&list)
        return JSONText(verbatim: list.json.bytes[...])
    }

    /// One value.
    @inlinable
    public init<Failure: Error>(_ write: (inout JSONWriter) throws(Failure) -> Void) throws(Failure) {
        self.init(verbatim: try JSONWriter.bytes(write)[...])
    }
}
