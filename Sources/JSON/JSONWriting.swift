// What the writers append to their buffer: each in one piece, so that room is made once.
extension [UInt8] {
    /// Appends text as it is.
    @inlinable @inline(__always)
    mutating func append(json literal: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    mutating func append(json text: JSONText) {
        guard !text.isEmpty else { return }
        text.bytes.withUnsafeBytes { bytes in
            appendBytes(bytes.count) { $0.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count) }
        }
    }

    /// Whether a value may follow: nothing is there yet, or what comes in front of one.
    @usableFromInline
    var expectsJSONValue: Bool {
        guard let last else { return true }
        return last == UInt8(ascii: ":") || last == UInt8(ascii: ",") || last == UInt8(ascii: "[")
    }

    /// Whether a comma has to be in front of another member or element: no value ends in a byte that opens something.
    @inlinable @inline(__always)
    var needsJSONComma: Bool {
        guard let last else { return false }
        return last != UInt8(ascii: "{") && last != UInt8(ascii: "[")
    }

    @inlinable @inline(__always)
    mutating func separateJSON() {
        if needsJSONComma { append(UInt8(ascii: ",")) }
    }

    /// Appends `"key":`, and a comma in front of it where one has to be.
    @inlinable @inline(__always)
    mutating func append(jsonKey key: StaticString) {
        assert(last != UInt8(ascii: ":") && last != UInt8(ascii: ","), "the member before has no value")
        let (comma, count) = (needsJSONComma ? 1 : 0, key.utf8CodeUnitCount)
        appendBytes(count + comma + 3) { place in
            place.storeBytes(of: UInt8(ascii: ","), as: UInt8.self)
            place.storeBytes(of: UInt8(ascii: "\""), toByteOffset: comma, as: UInt8.self)
            (place + comma + 1).copyMemory(from: key.utf8Start, byteCount: count)
            place.storeBytes(of: UInt8(ascii: "\""), toByteOffset: comma + count + 1, as: UInt8.self)
            place.storeBytes(of: UInt8(ascii: ":"), toByteOffset: comma + count + 2, as: UInt8.self)
        }
    }

    @usableFromInline
    mutating func append(jsonKey name: String) {
        separateJSON()
        append(jsonString: name)
        append(UInt8(ascii: ":"))
    }

    /// Appends a string that needs no escapes.
    @usableFromInline
    mutating func append(quoted text: StaticString) {
        appendQuoted(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a string literal: quotes, and escapes for what JSON forbids inside them (RFC 8259, section 7).
    public mutating func append(jsonString string: String) {
        string.utf8.span.withUnsafeBufferPointer { utf8 in
            let clean = utf8.countOfUnescaped
            if clean == utf8.count { appendQuoted(utf8) } else { appendEscaped(utf8, clean: clean) }
        }
    }

    mutating func append(decimal number: Int) {
        if (0..<10).contains(number) {
            append(UInt8(ascii: "0") + UInt8(number))
        } else {
            append(contentsOf: String(number).utf8)
        }
    }

    private mutating func appendQuoted(_ text: UnsafeBufferPointer<UInt8>) {
        append(quotedBytes: text.count) { place in
            if let start = text.baseAddress { place.update(from: start, count: text.count) }
        }
    }

    /// Appends a string of so many bytes, which `write` writes and which need no escapes.
    @inline(__always)
    mutating func append(quotedBytes count: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void) {
        appendBytes(count + 2) { place in
            let start = place.assumingMemoryBound(to: UInt8.self)
            start.initialize(to: UInt8(ascii: "\""))
            write(start + 1)
            (start + count + 1).initialize(to: UInt8(ascii: "\""))
        }
    }

    /// - Parameter write: has to write all of the bytes.
    @inlinable @inline(__always)
    mutating func appendBytes(_ count: Int, _ write: (UnsafeMutableRawPointer) -> Void) {
        append(addingCapacity: count) { span in
            span.withUnsafeMutableBufferPointer { buffer, written in
                write(UnsafeMutableRawPointer(buffer.baseAddress!))
                written = count
            }
        }
    }

    @inline(never)
    private mutating func appendEscaped(_ text: UnsafeBufferPointer<UInt8>, clean count: Int) {
        append(UInt8(ascii: "\""))
        var clean = 0
        for index in count..<text.count where text[index].isEscapedInJSON {
            append(contentsOf: text[clean..<index])
            appendEscape(of: text[index])
            clean = index + 1
        }
        append(contentsOf: text[clean...])
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscape(of byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case UInt8(ascii: "\n"): append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): append(UInt8(ascii: "t"))
        default:
            append(json: "u00")
            append(hexDigit: byte >> 4)
            append(hexDigit: byte & 0xF)
        }
    }

    private mutating func append(hexDigit nibble: UInt8) {
        append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
    }
}

extension String {
    /// As a JSON string, in its quotes.
    public var jsonLiteral: String {
        var json: [UInt8] = []
        json.append(jsonString: self)
        return String(decoding: json, as: UTF8.self)
    }
}

extension UInt8 {
    fileprivate var isEscapedInJSON: Bool {
        self < 0x20 || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\")
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// How many bytes at the beginning need no escapes. Eight of them are looked at together.
    fileprivate var countOfUnescaped: Int {
        guard let baseAddress else { return 0 }
        let start = UnsafeRawPointer(baseAddress)
        var index = 0
        while index + 8 <= count {
            if start.loadUnaligned(fromByteOffset: index, as: UInt64.self).hasByteEscapedInJSON { break }
            index += 8
        }
        while index < count, !self[index].isEscapedInJSON { index += 1 }
        return index
    }
}

extension UInt64 {
    /// Whether one of its bytes is. A subtraction borrows into the high bit of a byte that is too small; the byte above one may
    /// be taken for another, so which one it is is not told.
    fileprivate var hasByteEscapedInJSON: Bool {
        let (ones, highBits) = (0x0101_0101_0101_0101 as UInt64, 0x8080_8080_8080_8080 as UInt64)
        let quotes = self ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslashes = self ^ (ones &* UInt64(UInt8(ascii: "\\")))
        let small = (self &- ones &* 0x20) & ~self
        return (small | (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes) & highBits != 0
    }
}
