internal import Glibc

/// A text without its values, as far as they need no reading: what is inside of strings, and the digits of numbers. Of most
/// texts that is most of them; jansson (2.14) takes 170 instructions for each byte of a string. Texts that one
/// program sends have the same outline, again and again: see ``KnownOutlines``.
///
/// Left out is what stands in a string that is no key, of printable ASCII without `"` and `\`; and a number that cannot
/// be too large is `0`, or `0.0` if it has a fraction. Whatever a parser says of the outline, it would say of the
/// text: both have strings, numbers and punctuation marks of the same kinds one behind the other, the keys are
/// complete, and nothing that is left out could be wrong. Only the places of errors differ.
struct JSONOutline {
    /// In the place that was given for it; those of the text, if nothing can be left out.
    let bytes: UnsafeRawBufferPointer
    /// Whether it is all of the text.
    let isText: Bool
    /// Whether the outline of a text that is JSON has no string and no number in it that was not left out; keys are in it.
    let isBare: Bool

    /// Writes the outline of a text.
    ///
    /// - Parameter place: as large as the text.
    init(of text: UnsafeRawBufferPointer, to place: UnsafeMutableRawBufferPointer) {
        precondition(place.count >= text.count)
        var isBare = true
        var writer = Writer(source: text.baseAddress, target: place.baseAddress)
        let span = Span<UInt8>(_unsafeBytes: text)
        var position = 0
        while position < span.count {
            let byte = span[unchecked: position]
            if byte == UInt8(ascii: "\"") {
                let plain = span.endOfPlainString(from: position)
                let end = plain ?? span.endOfString(from: position)
                if span.isColonNext(from: end) {
                    // The key of what comes next.
                } else if plain == nil {
                    isBare = false
                } else if end > position + 2 {
                    writer.leaveOut(position + 1..<end - 1)
                }
                position = end
            } else if span.mayBeginNumber(byte, at: position) {
                if let number = span.plainNumber(from: position) {
                    writer.write(number.hasFraction ? "0.0" : "0", for: position..<number.end)
                    position = number.end
                } else {
                    isBare = false
                    position += 1
                }
            } else {
                position += 1
            }
        }
        self.isBare = isBare
        let size = writer.end(of: text)
        bytes = size.map { UnsafeRawBufferPointer(rebasing: place[..<$0]) } ?? text
        isText = size == nil
    }

    /// Copies what is not left out.
    private struct Writer {
        let source: UnsafeRawPointer?
        let target: UnsafeMutableRawPointer?
        /// Up to where the text has been copied, or left out.
        private var copied = 0
        private var written = 0

        init(source: UnsafeRawPointer?, target: UnsafeMutableRawPointer?) {
            self.source = source
            self.target = target
        }

        @inline(__always)
        private mutating func copy(to end: Int) {
            memcpy(target! + written, source! + copied, end - copied)
            written += end - copied
        }

        @inline(__always)
        mutating func leaveOut(_ part: Range<Int>) {
            copy(to: part.lowerBound)
            copied = part.upperBound
        }

        /// - Parameter number: no longer than the part.
        @inline(__always)
        mutating func write(_ number: StaticString, for part: Range<Int>) {
            let size = number.utf8CodeUnitCount
            guard part.count > size || memcmp(source! + part.lowerBound, number.utf8Start, size) != 0 else { return }
            leaveOut(part)
            memcpy(target! + written, number.utf8Start, size)
            written += size
        }

        /// Copies the rest of a text, if anything was left out of it.
        ///
        /// - Returns: the outline's size.
        @inline(__always)
        mutating func end(of text: UnsafeRawBufferPointer) -> Int? {
            guard copied > 0 else { return nil }
            copy(to: text.count)
            return written
        }
    }
}

extension Span<UInt8> {
    /// The place behind a string of printable ASCII without escapes; `nil`: it is no such, or has no end.
    @inline(__always)
    fileprivate func endOfPlainString(from opening: Int) -> Int? {
        var index = opening + 1
        while index + 8 <= count {
            let word = word(at: index)
            let found =
                word.first(UInt8(ascii: "\"")) | word.first(UInt8(ascii: "\\")) | word.firstBeyondPrintableASCII
            if found != 0 {
                index += found.trailingZeroBitCount / 8
                return self[unchecked: index] == UInt8(ascii: "\"") ? index + 1 : nil
            }
            index += 8
        }
        while index < count {
            let byte = self[unchecked: index]
            if byte == UInt8(ascii: "\"") { return index + 1 }
            guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\\") else { return nil }
            index += 1
        }
        return nil
    }

    /// Whether a colon comes next, behind white space.
    @inline(__always)
    fileprivate func isColonNext(from start: Int) -> Bool {
        var index = start
        while index < count, JSONScanner.isWhiteSpace(self[unchecked: index]) { index += 1 }
        return index < count && self[unchecked: index] == UInt8(ascii: ":")
    }

    /// Whether a number may begin here, and is no part of what stands before it.
    @inline(__always)
    fileprivate func mayBeginNumber(_ byte: UInt8, at index: Int) -> Bool {
        guard byte == UInt8(ascii: "-") || Self.isDigit(byte) else { return false }
        guard index > 0 else { return true }
        let before = self[unchecked: index - 1]
        return before == UInt8(ascii: ",") || before == UInt8(ascii: ":") || before == UInt8(ascii: "[")
            || JSONScanner.isWhiteSpace(before)
    }

    /// A number that cannot be too large: an integer of 64 bits, or a decimal fraction without an exponent that is a
    /// double; `nil`: it is no such, or something stands behind it that no number ends with.
    @inline(__always)
    fileprivate func plainNumber(from start: Int) -> (end: Int, hasFraction: Bool)? {
        var index = start
        if self[unchecked: index] == UInt8(ascii: "-") { index += 1 }
        let first = index
        while index < count, Self.isDigit(self[unchecked: index]) { index += 1 }
        let digits = index - first
        guard (1...18).contains(digits), digits == 1 || self[unchecked: first] != UInt8(ascii: "0") else { return nil }
        let hasFraction = index < count && self[unchecked: index] == UInt8(ascii: ".")
        if hasFraction {
            index += 1
            let first = index
            while index < count, Self.isDigit(self[unchecked: index]) { index += 1 }
            guard (1...18).contains(index - first) else { return nil }
        }
        guard index < count else { return (index, hasFraction) }
        let behind = self[unchecked: index]
        let isEnd =
            behind == UInt8(ascii: ",") || behind == UInt8(ascii: "}") || behind == UInt8(ascii: "]")
            || JSONScanner.isWhiteSpace(behind)
        return isEnd ? (index, hasFraction) : nil
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    @inline(__always)
    private func word(at index: Int) -> UInt64 {
        bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
    }
}

extension UInt64 {
    /// The high bit of the first byte that is below 0x20, or not below 0x80; no bit before it, and any behind it.
    fileprivate var firstBeyondPrintableASCII: UInt64 { ((self &- .bytes(0x20)) | self) & .bytes(0x80) }
}
