/// Finds out whether a text of any size is JSON without ever having a large tree of it: what stands around strings, numbers
/// and literals is checked here, and these are given to jansson, some at a time.
///
/// One pass, without recursion. It takes what ``JSONDocument`` takes, and repeated keys besides: who reads the text, and not a
/// tree, is not confused by them.
struct JSONCheck {
    /// The most that is given to jansson at once, in bytes. A tree of them is some thirty times as large.
    static let usualBatchBytes = 16 << 10

    private enum Expected {
        case value
        /// A value, or the end of an empty array.
        case firstElement
        case key
        /// A key, or the end of an empty object.
        case firstKey
        case colon
        /// A comma, or the end of what is open.
        case separator
    }

    private let batchBytes: Int
    private let maximumDepth: Int
    private var scanner: JSONScanner
    private let bytes: [UInt8]
    /// Of each open container: whether it is an object.
    private var open: [Bool] = []
    private var expected = Expected.value
    private var values = Batch(opening: "[", closing: "]", behindEach: "")
    /// In an object of their own: jansson refuses NUL in keys only.
    private var keys = Batch(opening: "{", closing: "}", behindEach: ":0")

    /// A text of at most so many bytes may have a tree, which is a hundred times as large at most.
    private static let mostBytesOfTree = 4 << 10

    /// - Parameter outlines: of the texts that came before to the same reader; `nil`: none are kept.
    /// - Throws: what is wrong with the text. The place of a bad string, number or literal is not known.
    static func check(
        _ bytes: [UInt8], maximumDepth: Int, batchBytes: Int = usualBatchBytes, known outlines: KnownOutlines? = nil
    ) throws(JSONError) {
        if let outlines, bytes.count <= mostBytesOfTree, isJSON(bytes, maximumDepth, outlines) { return }
        var check = JSONCheck(bytes, maximumDepth: maximumDepth, batchBytes: batchBytes)
        try check.run()
    }

    private static func isJSON(_ bytes: [UInt8], _ maximumDepth: Int, _ outlines: KnownOutlines) -> Bool {
        do throws(JSONError) {
            _ = try JSONTree(
                parsing: bytes[...], maximumDepth: maximumDepth, allowsRepeatedKeys: true, known: outlines)
            return true
        } catch {
            return false
        }
    }

    private init(_ bytes: [UInt8], maximumDepth: Int, batchBytes: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
        self.batchBytes = batchBytes
        scanner = JSONScanner(bytes, at: 0)
    }

    private mutating func run() throws(JSONError) {
        repeat {
            guard let byte = scanner.nextByte() else { throw syntax("the text ends inside a value") }
            switch (expected, byte) {
            case (.firstElement, UInt8(ascii: "]")), (.firstKey, UInt8(ascii: "}")): close()
            case (.value, _), (.firstElement, _): try value(byte)
            case (.key, UInt8(ascii: "\"")), (.firstKey, UInt8(ascii: "\"")):
                try keys.add(bytes[scanner.nextScalar()], flushingAt: batchBytes)
                expected = .colon
            case (.colon, UInt8(ascii: ":")): move(to: .value)
            case (.separator, UInt8(ascii: ",")): move(to: open[open.count - 1] ? .key : .value)
            case (.separator, UInt8(ascii: "}")) where open[open.count - 1]: close()
            case (.separator, UInt8(ascii: "]")) where !open[open.count - 1]: close()
            default: throw syntax("a syntax error")
            }
        } while !open.isEmpty
        guard scanner.nextByte() == nil else { throw syntax("there is something behind the value,") }
        try values.flush()
        try keys.flush()
    }

    private mutating func value(_ byte: UInt8) throws(JSONError) {
        switch byte {
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            guard open.count < maximumDepth else {
                throw JSONError(kind: .tooDeep, detail: "more than \(maximumDepth) levels of arrays and objects")
            }
            let isObject = byte == UInt8(ascii: "{")
            open.append(isObject)
            move(to: isObject ? .firstKey : .firstElement)
        default:
            let span = scanner.nextScalar()
            guard !span.isEmpty else { throw syntax("a syntax error") }
            try values.add(bytes[span], flushingAt: batchBytes)
            expected = .separator
        }
    }

    private mutating func close() {
        open.removeLast()
        move(to: .separator)
    }

    private mutating func move(to next: Expected) {
        scanner.skipByte()
        expected = next
    }

    private func syntax(_ detail: String) -> JSONError {
        JSONError(kind: .invalid, detail: "\(detail) at byte \(scanner.position + 1)")
    }
}

/// Strings, numbers and literals on their way to jansson, as one array or object.
private struct Batch {
    /// A number that is longer is none that anybody can read.
    private static let mostLiteralBytes = 4 << 10

    private let opening: StaticString
    private let closing: StaticString
    private let behindEach: StaticString
    private var text: [UInt8] = []

    init(opening: StaticString, closing: StaticString, behindEach: StaticString) {
        self.opening = opening
        self.closing = closing
        self.behindEach = behindEach
    }

    mutating func add(_ scalar: ArraySlice<UInt8>, flushingAt limit: Int) throws(JSONError) {
        guard scalar.first == UInt8(ascii: "\"") else {
            guard scalar.count <= Self.mostLiteralBytes else {
                throw JSONError(kind: .invalid, detail: "a number is too long")
            }
            return try append(scalar, limit)
        }
        guard scalar.count > limit else { return try append(scalar, limit) }
        // jansson would have a long string three times.
        var rest = scalar.dropFirst()
        while !rest.isEmpty {
            let piece = rest.prefix(upTo: rest.endOfStringPiece(atLeast: limit))
            rest = rest[piece.endIndex...]
            try append([UInt8(ascii: "\"")] + piece + (rest.isEmpty ? [] : [UInt8(ascii: "\"")]), limit)
        }
    }

    private mutating func append(_ scalar: ArraySlice<UInt8>, _ limit: Int) throws(JSONError) {
        text.append(json: text.isEmpty ? opening : ",")
        text.append(contentsOf: scalar)
        text.append(json: behindEach)
        if text.count >= limit { try flush() }
    }

    mutating func flush() throws(JSONError) {
        guard !text.isEmpty else { return }
        text.append(json: closing)
        do throws(JSONError) {
            _ = try JSONTree(parsing: text[...], maximumDepth: nil, allowsRepeatedKeys: true)
        } catch {
            throw error.withoutPlace
        }
        text.removeAll(keepingCapacity: true)
    }
}

extension ArraySlice<UInt8> {
    /// Where a string's inside, of which this is the rest, can be cut: neither in an escape, nor between the two of a surrogate
    /// pair, nor in a character. What is valid stays so in two pieces, and what is not does not become so.
    fileprivate func endOfStringPiece(atLeast count: Int) -> Int {
        var index = startIndex
        let wanted = startIndex + count
        while index < endIndex {
            let isContinuation = self[index] & 0xC0 == 0x80
            if index >= wanted, !isContinuation || index >= wanted + 4 { break }
            index += self[index] == UInt8(ascii: "\\") ? escapeCount(at: index) : 1
        }
        // A closing quote alone would be a string that opens.
        return index + 1 >= endIndex ? endIndex : index
    }

    /// How many bytes belong together behind this backslash.
    private func escapeCount(at index: Int) -> Int {
        guard index + 3 < endIndex, self[index + 1] == UInt8(ascii: "u") else { return 2 }
        let isHighSurrogate =
            self[index + 2] | 0x20 == UInt8(ascii: "d") && "89abAB".utf8.contains(self[index + 3])
        return isHighSurrogate ? 12 : 6
    }
}

extension JSONError {
    /// The place in a batch is none in the text.
    fileprivate var withoutPlace: JSONError {
        var words = detail[...]
        if let place = detail.firstRange(of: " at line ") { words = detail[..<place.lowerBound] }
        return JSONError(kind: kind, detail: String(words))
    }
}
