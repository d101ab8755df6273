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
        position = bytes.span.end(of: Self.isWhiteSpace, from: position)
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
        move(to: bytes.span.value(behind: Self.isWhiteSpace, from: position))
    }

    /// Moves over one byte.
    mutating func skipByte() { position = min(position + 1, bytes.count) }

    /// Moves over a string, a number or a literal, or what looks like one, and the white space before it.
    mutating func nextScalar() -> Range<Int> {
        move(to: bytes.span.scalar(behind: Self.isWhiteSpace, from: position))
    }

    /// Moves over one array element and the comma behind it.
    mutating func nextElement() -> Range<Int> {
        move(to: bytes.span.element(from: position))
    }

    /// Moves over one object member and the comma behind it. Returns the span of its value.
    mutating func nextMember() -> Range<Int> { nextNamedMember().value }

    /// Moves over one object member and the comma behind it.
    mutating func nextNamedMember() -> (name: Range<Int>, value: Range<Int>) {
        let member = bytes.span.member(from: position)
        position = member.value.upperBound
        return member
    }

    /// Moves over white space and commas.
    mutating func skipSeparators() { position = bytes.span.end(of: Self.isSeparator, from: position) }

    /// How many brackets and braces there are that could open something: no text is nested deeper than that, and counting
    /// them takes no look at what stands around them.
    static func openings(of text: ArraySlice<UInt8>) -> Int {
        let text = text.span
        var (count, index) = (0, 0)
        // In ASCII, '[' and '{' differ in one bit only.
        while index + 8 <= text.count {
            let word = text.bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
            count &+= (word | .bytes(0x20)).bytes(equalTo: UInt8(ascii: "{")).countOfHighBits
            index += 8
        }
        while index < text.count {
            count &+= text[unchecked: index] | 0x20 == UInt8(ascii: "{") ? 1 : 0
            index += 1
        }
        return count
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

    /// - Returns: the part of the text behind which it is now.
    private mutating func move(to part: Range<Int>) -> Range<Int> {
        position = part.upperBound
        return part
    }

    static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            || byte == UInt8(ascii: "\t")
    }

    fileprivate static func isSeparator(_ byte: UInt8) -> Bool { isWhiteSpace(byte) || byte == UInt8(ascii: ",") }
}

/// Where what begins somewhere in a text ends, which is never beyond the text. Unchecked is only what was compared with `count`
/// just before.
extension Span<UInt8> {
    /// Of the bytes that are of a kind.
    fileprivate func end(of isOfKind: (UInt8) -> Bool, from start: Int) -> Int {
        var index = start
        while index < count, isOfKind(self[unchecked: index]) { index += 1 }
        return index
    }

    /// The array element behind separators.
    func element(from start: Int) -> Range<Int> { value(behind: JSONScanner.isSeparator, from: start) }

    /// The object member behind separators.
    func member(from start: Int) -> (name: Range<Int>, value: Range<Int>) {
        let name = string(behind: JSONScanner.isSeparator, from: start)
        let isBeforeValue = { JSONScanner.isSeparator($0) || $0 == UInt8(ascii: ":") }
        return (name, value(behind: isBeforeValue, from: name.upperBound))
    }

    fileprivate func value(behind isSkipped: (UInt8) -> Bool, from start: Int) -> Range<Int> {
        let start = end(of: isSkipped, from: start)
        return start..<endOfValue(from: start)
    }

    private func string(behind isSkipped: (UInt8) -> Bool, from start: Int) -> Range<Int> {
        let start = end(of: isSkipped, from: start)
        return start..<endOfString(from: start)
    }

    fileprivate func scalar(behind isSkipped: (UInt8) -> Bool, from start: Int) -> Range<Int> {
        let start = end(of: isSkipped, from: start)
        let isString = start < count && self[start] == UInt8(ascii: "\"")
        return start..<(isString ? endOfString(from: start) : endOfLiteral(from: start))
    }

    private func endOfValue(from start: Int) -> Int {
        guard start < count else { return start }
        switch self[start] {
        case UInt8(ascii: "\""): return endOfString(from: start)
        case UInt8(ascii: "["), UInt8(ascii: "{"): return endOfContainer(from: start)
        default: return endOfLiteral(from: start)
        }
    }

    private func endOfLiteral(from start: Int) -> Int {
        end(
            of: { !JSONScanner.isSeparator($0) && $0 != UInt8(ascii: "]") && $0 != UInt8(ascii: "}") }, from: start)
    }

    func endOfString(from start: Int) -> Int {
        var index = start + 1
        while true {
            // Eight bytes at once, until there is one that means something.
            while index + 8 <= count {
                let word = bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
                let found = word.first(UInt8(ascii: "\"")) | word.first(UInt8(ascii: "\\"))
                index += found == 0 ? 8 : found.trailingZeroBitCount / 8
                if found != 0 { break }
            }
            guard index < count, self[unchecked: index] != UInt8(ascii: "\"") else { break }
            index += self[unchecked: index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return Swift.max(start, Swift.min(index + 1, count))
    }

    private func endOfContainer(from start: Int) -> Int {
        var index = start
        var depth = 0
        while index < count {
            switch self[unchecked: index] {
            case UInt8(ascii: "\""):
                index = endOfString(from: index)
                continue
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
            index += 1
            if depth == 0 { break }
        }
        return index
    }
}

extension UInt64 {
    /// Eight times the same byte.
    static func bytes(_ byte: UInt8) -> UInt64 { 0x0101_0101_0101_0101 &* UInt64(byte) }

    /// The high bit of the first byte, in the order of memory, that is `byte`; no bit before it, and any behind it.
    func first(_ byte: UInt8) -> UInt64 {
        let difference = self ^ .bytes(byte)
        // What is subtracted carries only out of a byte that is none.
        return (difference &- .bytes(1)) & ~difference & .bytes(0x80)
    }

    /// Of a word that has none but the high bits of its bytes: how many, which the multiplication adds up.
    fileprivate var countOfHighBits: Int { Int(((self >> 7) &* .bytes(1)) >> 56) }

    /// The high bits of exactly those bytes that are `byte`.
    fileprivate func bytes(equalTo byte: UInt8) -> UInt64 {
        let difference = self ^ .bytes(byte)
        // Nothing carries from one byte into the next.
        return ~((difference & .bytes(0x7F)) &+ .bytes(0x7F) | difference) & .bytes(0x80)
    }
}
