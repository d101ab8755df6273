/// Makes JSON of what is nearly JSON, where one odd value is not to cost all the others. Clients choose strings, and servers pass
/// them on: half an emoji, NUL in a key, values nested hundreds of levels deep, Python's `NaN`.
///
/// One pass over the bytes; what comes of it has to be checked as if it came from anybody.
public struct JSONRepair {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let maximumDepth: Int
    private let maximumBytes: Int
    private var position = 0
    /// The bytes before `position` and behind this are as they are to be.
    private var clean = 0
    private var repaired: [UInt8] = []
    /// Of each open container: whether it is an object.
    private var open: [Bool] = []
    private var isKeyNext = false

    /// - Half a surrogate pair, NUL in a key and bytes that are not UTF-8 become U+FFFD; other control bytes in strings escapes.
    /// - Arrays and objects in more than `maximumDepth` others become `null`, as do numbers that no double can hold, `NaN` and
    ///   `Infinity`.
    /// - NUL outside strings becomes a space.
    ///
    /// - Returns: `nil` if what comes of it has more than `maximumBytes`.
    public static func repaired(_ bytes: [UInt8], maximumDepth: Int, maximumBytes: Int) -> [UInt8]? {
        bytes.withUnsafeBufferPointer { buffer in
            var repair = JSONRepair(buffer, maximumDepth: maximumDepth, maximumBytes: maximumBytes)
            return repair.run() ? repair.repaired : nil
        }
    }

    private init(_ bytes: UnsafeBufferPointer<UInt8>, maximumDepth: Int, maximumBytes: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
        self.maximumBytes = maximumBytes
        repaired.reserveCapacity(min(bytes.count + 64, maximumBytes))
    }

    private mutating func run() -> Bool {
        while position < bytes.count {
            guard repaired.count + position - clean <= maximumBytes else { return false }
            switch bytes[position] {
            case UInt8(ascii: "\""): string()
            case UInt8(ascii: "["), UInt8(ascii: "{"): container()
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                _ = open.popLast()
                isKeyNext = false
                position += 1
            case UInt8(ascii: ","):
                isKeyNext = open.last ?? false
                position += 1
            case UInt8(ascii: ":"), UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                position += 1
            case 0: replace(1, by: " ")
            default: literal()
            }
        }
        flush()
        return repaired.count <= maximumBytes
    }

    private mutating func container() {
        guard open.count < maximumDepth else { return replace(endOfContainer - position, by: "null") }
        let isObject = bytes[position] == UInt8(ascii: "{")
        open.append(isObject)
        isKeyNext = isObject
        position += 1
    }

    /// Where the container that begins here ends.
    private var endOfContainer: Int {
        var (index, depth, isInString) = (position, 0, false)
        repeat {
            switch bytes[index] {
            case UInt8(ascii: "\\") where isInString: index += 1
            case UInt8(ascii: "\""): isInString.toggle()
            case UInt8(ascii: "["), UInt8(ascii: "{"): if !isInString { depth += 1 }
            case UInt8(ascii: "]"), UInt8(ascii: "}"): if !isInString { depth -= 1 }
            default: break
            }
            index += 1
        } while depth > 0 && index < bytes.count
        return min(index, bytes.count)
    }

    private mutating func literal() {
        var end = position
        while end < bytes.count, !Self.endsLiteral(bytes[end]) { end += 1 }
        let word = UnsafeBufferPointer(rebasing: bytes[position..<end])
        if Self.isNoNumber(word) { replace(word.count, by: "null") } else { position = end }
    }

    private static func endsLiteral(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: ":"), UInt8(ascii: "\""),
            UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"),
            UInt8(ascii: "\r"), 0:
            true
        default: false
        }
    }

    /// Whether it is what some take for a number, and JSON does not: Python writes `NaN` and `Infinity`, and integers of any size.
    private static func isNoNumber(_ word: UnsafeBufferPointer<UInt8>) -> Bool {
        // Anything shorter is a double.
        guard word.count < 300 else { return true }
        let text = String(decoding: word, as: UTF8.self)
        switch text {
        case "NaN", "Infinity", "-Infinity": return true
        default: return Double(text).map { !$0.isFinite } ?? false
        }
    }

    // MARK: Strings

    private mutating func string() {
        let isKey = isKeyNext
        isKeyNext = false
        position += 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): escape(isKey: isKey)
            case 0: replace(1, by: isKey ? "\u{FFFD}" : "\\u0000")
            case 1..<0x20: replaceControlByte()
            case 0x20..<0x80: position += 1
            default: character()
            }
            if repaired.count + position - clean > maximumBytes { return }
        }
    }

    private mutating func escape(isKey: Bool) {
        guard let unit = bytes.utf16Escape(at: position) else {
            position = min(position + 2, bytes.count)
            return
        }
        switch unit {
        case 0 where isKey: replace(6, by: "\u{FFFD}")
        case 0xD800...0xDBFF:
            if let low = bytes.utf16Escape(at: position + 6), (0xDC00...0xDFFF).contains(low) {
                position += 12
            } else {
                replace(6, by: "\u{FFFD}")
            }
        case 0xDC00...0xDFFF: replace(6, by: "\u{FFFD}")
        default: position += 6
        }
    }

    /// A character beyond ASCII, or what is none (RFC 3629, section 4).
    private mutating func character() {
        let rest = UnsafeBufferPointer(rebasing: bytes[position..<min(position + 4, bytes.count)])
        var decoder = UTF8()
        var iterator = rest.makeIterator()
        switch decoder.decode(&iterator) {
        case .scalarValue(let scalar): position += UTF8.width(scalar)
        case .error, .emptyInput: replace(1, by: "\u{FFFD}")
        }
    }

    private mutating func replaceControlByte() {
        let byte = bytes[position]
        replace(1, by: "\\u00")
        let digits = Array("0123456789abcdef".utf8)
        repaired += [digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
    }

    // MARK: Writing

    private mutating func replace(_ count: Int, by text: StaticString) {
        flush()
        repaired.append(json: text)
        position += count
        clean = position
    }

    private mutating func flush() {
        repaired.append(contentsOf: bytes[clean..<position])
        clean = position
    }
}
