/// Finds where values stand in a text that is known to be valid JSON.
///
/// Valid input is what keeps this small: nothing is checked again. On anything else the answers mean nothing, but no
/// index ever leaves the text.
struct JSONScanner {
    private let bytes: [UInt8]
    private(set) var position: Int

    init(_ bytes: [UInt8], at position: Int) {
        self.bytes = bytes
        self.position = position
    }

    /// The text without the white space around it.
    static func trimmed(_ text: ArraySlice<UInt8>) -> Range<Int> {
        let start = text.firstIndex { !isSeparator($0) } ?? text.endIndex
        let last = text.lastIndex { !isSeparator($0) } ?? start
        return start..<max(start, min(last + 1, text.endIndex))
    }

    /// Moves over white space.
    ///
    /// - Returns: the byte behind it; `nil` at the end.
    mutating func nextByte() -> UInt8? {
        skip(while: Self.isWhiteSpace)
        return position < bytes.count ? bytes[position] : nil
    }

    /// Moves over `byte` and the white space before it, if it is what comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard nextByte() == byte else { return false }
        position += 1
        return true
    }

    /// Moves over one value, or what looks like one, and the white space before it.
    mutating func nextValue() -> Range<Int> {
        skip(while: Self.isWhiteSpace)
        return skipValue()
    }

    /// Moves over one byte.
    mutating func skipByte() { position = min(position + 1, bytes.count) }

    /// Moves over a string, a number or a literal, or what looks like one, and the white space before it.
    mutating func nextScalar() -> Range<Int> {
        skip(while: Self.isWhiteSpace)
        guard position < bytes.count, bytes[position] != UInt8(ascii: "\"") else { return skipValue() }
        return skipLiteral()
    }

    /// Moves over one array element and the comma behind it.
    mutating func nextElement() -> Range<Int> {
        skip(while: Self.isSeparator)
        return skipValue()
    }

    /// Moves over one object member and the comma behind it. Returns the span of its value.
    mutating func nextMember() -> Range<Int> { nextNamedMember().value }

    /// Moves over one object member and the comma behind it.
    mutating func nextNamedMember() -> (name: Range<Int>, value: Range<Int>) {
        skip(while: Self.isSeparator)
        let name = skipString()
        skip { Self.isSeparator($0) || $0 == UInt8(ascii: ":") }
        return (name, skipValue())
    }

    /// The deepest nesting of arrays and objects in `text`; of invalid JSON, an upper bound of what a parser would open.
    static func depth(of text: ArraySlice<UInt8>) -> Int {
        text.withUnsafeBufferPointer { text in
            var depth = 0
            var deepest = 0
            var inString = false
            var index = 0
            while index < text.count {
                let byte = text[index]
                if inString {
                    if byte == UInt8(ascii: "\\") { index += 1 } else if byte == UInt8(ascii: "\"") { inString = false }
                } else {
                    switch byte {
                    case UInt8(ascii: "\""): inString = true
                    case UInt8(ascii: "["), UInt8(ascii: "{"):
                        depth += 1
                        deepest = max(deepest, depth)
                    case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
                    default: break
                    }
                }
                index += 1
            }
            return deepest
        }
    }

    /// Moves over white space and commas.
    mutating func skipSeparators() { skip(while: Self.isSeparator) }

    private static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\t")
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { isWhiteSpace(byte) || byte == UInt8(ascii: ",") }

    private mutating func skip(while condition: (UInt8) -> Bool) {
        while position < bytes.count, condition(bytes[position]) { position += 1 }
    }

    private mutating func skipValue() -> Range<Int> {
        guard position < bytes.count else { return position..<position }
        switch bytes[position] {
        case UInt8(ascii: "\""): return skipString()
        case UInt8(ascii: "["), UInt8(ascii: "{"): return skipContainer()
        default: return skipLiteral()
        }
    }

    private mutating func skipLiteral() -> Range<Int> {
        let start = position
        skip { !Self.isSeparator($0) && $0 != UInt8(ascii: "]") && $0 != UInt8(ascii: "}") }
        return start..<position
    }

    private mutating func skipString() -> Range<Int> {
        let start = position
        position += 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        position = min(position + 1, bytes.count)
        return min(start, position)..<position
    }

    private mutating func skipContainer() -> Range<Int> {
        let start = position
        var depth = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                _ = skipString()
                continue
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
            position += 1
            if depth == 0 { break }
        }
        return start..<position
    }
}
