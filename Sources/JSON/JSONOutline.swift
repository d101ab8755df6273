internal import Glibc

/// A text without the insides of its strings, as far as they need no reading: of most texts that is most of them, and
/// jansson (2.14) takes 170 instructions for each byte of a string.
///
/// Left out is what stands in a string that is no key, of printable ASCII without `"` and `\`. Whatever a parser says
/// of the outline, it would say of the text: both are the same strings, numbers and punctuation marks one behind the
/// other, the keys are complete, and nothing that is left out could be wrong. Only the places of errors differ.
enum JSONOutline {
    /// Writes the outline of a text.
    ///
    /// - Parameter place: as large as the text.
    /// - Returns: the outline's size; that of the text, with nothing written, if nothing can be left out.
    static func write(of text: UnsafeRawBufferPointer, to place: UnsafeMutableRawBufferPointer) -> Int {
        precondition(place.count >= text.count)
        guard let source = text.baseAddress, let target = place.baseAddress else { return text.count }
        let span = Span<UInt8>(_unsafeBytes: text)
        var (position, copied, written) = (0, 0, 0)
        func copy(to end: Int) {
            memcpy(target + written, source + copied, end - copied)
            written += end - copied
        }
        while let opening = span.nextQuote(from: position) {
            guard let closing = span.endOfPlainString(from: opening) else {
                position = span.endOfString(from: opening)
                continue
            }
            position = closing + 1
            guard closing > opening + 1, !span.isColonNext(from: position) else { continue }
            copy(to: opening + 1)
            copied = closing
        }
        guard copied > 0 else { return text.count }
        copy(to: text.count)
        return written
    }
}

extension Span<UInt8> {
    /// The next place of a quote.
    @inline(__always)
    fileprivate func nextQuote(from start: Int) -> Int? {
        var index = start
        while index + 8 <= count {
            let found = word(at: index).first(UInt8(ascii: "\""))
            if found != 0 { return index + found.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < count, self[unchecked: index] != UInt8(ascii: "\"") { index += 1 }
        return index < count ? index : nil
    }

    /// The closing quote of a string of printable ASCII without escapes; `nil`: it is no such, or has no end.
    @inline(__always)
    fileprivate func endOfPlainString(from opening: Int) -> Int? {
        var index = opening + 1
        while index + 8 <= count {
            let word = word(at: index)
            let found =
                word.first(UInt8(ascii: "\"")) | word.first(UInt8(ascii: "\\")) | word.firstBeyondPrintableASCII
            if found != 0 {
                index += found.trailingZeroBitCount / 8
                return self[unchecked: index] == UInt8(ascii: "\"") ? index : nil
            }
            index += 8
        }
        while index < count {
            let byte = self[unchecked: index]
            if byte == UInt8(ascii: "\"") { return index }
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

    @inline(__always)
    private func word(at index: Int) -> UInt64 {
        bytes.unsafeLoadUnaligned(fromUncheckedByteOffset: index, as: UInt64.self)
    }
}

extension UInt64 {
    /// The high bit of the first byte that is below 0x20, or not below 0x80; no bit before it, and any behind it.
    fileprivate var firstBeyondPrintableASCII: UInt64 { ((self &- .bytes(0x20)) | self) & .bytes(0x80) }
}
