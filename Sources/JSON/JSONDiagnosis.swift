/// The mistake that made a text no JSON, where it can be seen. Asked only when a text has been refused.
struct JSONDiagnosis {
    private let text: ArraySlice<UInt8>

    init(_ text: ArraySlice<UInt8>) {
        self.text = text
    }

    /// The fault of the text as a whole; `nil`: none that could be seen.
    var wholeText: JSONError? {
        if text.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) {
            return JSONError(kind: .empty, detail: "the text is empty")
        }
        // JSON is UTF-8 (RFC 8259, section 8.1).
        if text.starts(with: [0xFE, 0xFF]) || text.starts(with: [0xFF, 0xFE]) {
            return JSONError(kind: .invalid, detail: "the text begins with the byte order mark of UTF-16: send UTF-8")
        }
        // Two characters of ASCII.
        let areZero = text.prefix(4).map { $0 == 0 }
        if areZero == [false, true, false, true] || areZero == [true, false, true, false] {
            return JSONError(kind: .invalid, detail: "the text looks like UTF-16: send UTF-8")
        }
        return nil
    }

    /// Whether it begins with an object whose first key is not in double quotes, or with a single quote.
    var lacksQuotes: Bool {
        let marks = Array(text.lazy.filter { $0 != 0x20 && !(0x09...0x0D).contains($0) }.prefix(2))
        if marks.first == UInt8(ascii: "'") { return true }
        return marks.first == UInt8(ascii: "{") && marks.count == 2 && marks[1] != UInt8(ascii: "\"")
            && marks[1] != UInt8(ascii: "}")
    }

    /// The first byte that is not UTF-8.
    var notUTF8: JSONError {
        var decoder = UTF8()
        var iterator = text.makeIterator()
        var index = text.startIndex
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { index += UTF8.width(scalar) }
        return JSONError(kind: .invalid, detail: "the text is not valid UTF-8 at \(place(of: index))")
    }

    /// An escape that is half of a surrogate pair, and has no other half (RFC 8259, section 8.2).
    var halfOfPair: JSONError? {
        guard let index = indexOfHalf else { return nil }
        return JSONError(
            kind: .invalid,
            detail: "half an emoji (an escaped surrogate without the other one of its pair) at \(place(of: index)): "
                + "send the whole character")
    }

    private var indexOfHalf: Int? {
        var (index, isInString) = (text.startIndex, false)
        while index < text.endIndex {
            switch text[index] {
            case UInt8(ascii: "\""):
                isInString.toggle()
                index += 1
            case UInt8(ascii: "\\") where isInString:
                switch text.utf16Escape(at: index) {
                case .some(0xD800...0xDBFF):
                    guard let low = text.utf16Escape(at: index + 6), (0xDC00...0xDFFF).contains(low) else {
                        return index
                    }
                    index += 12
                case .some(0xDC00...0xDFFF): return index
                case .some: index += 6
                case nil: index += 2
                }
            default: index += 1
            }
        }
        return nil
    }

    /// `line 1, column 12`, counted from 1, in characters.
    func place(of index: Int) -> String {
        let before = text[..<index]
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? text.startIndex
        let column = before[start...].count { $0 & 0xC0 != 0x80 } + 1
        return "line \(line), column \(column)"
    }
}

extension [UInt8] {
    /// Where the text is: behind a byte order mark, which some editors and Windows' shells write before UTF-8. (RFC 8259, section
    /// 8.1, lets a reader ignore it.)
    public var textRange: Range<Int> {
        // Asked of every body.
        guard let first, first == 0xEF, count >= 3, self[1] == 0xBB, self[2] == 0xBF else { return indices }
        return 3..<count
    }
}
