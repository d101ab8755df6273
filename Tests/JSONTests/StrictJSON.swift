/// What RFC 8259 says of a text, found out without the parser that is tested.
struct StrictJSON {
    /// Whether it is a JSON text in UTF-8.
    private(set) var isJSON = false
    /// Whether a string has half a surrogate pair as an escape: grammar, but no text.
    private(set) var hasLoneSurrogate = false
    /// Whether an object's key has an escaped NUL.
    private(set) var hasNULInKey = false
    /// Whether a number may be beyond a double.
    private(set) var hasHugeNumber = false
    private(set) var depth = 0

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ text: ArraySlice<UInt8>) {
        self = text.withUnsafeBufferPointer { buffer in
            var reader = StrictJSON(buffer: buffer)
            reader.isJSON = reader.value(1) && reader.isAtEnd
            // Nothing is read from the buffer any more.
            return reader
        }
    }

    private init(buffer: UnsafeBufferPointer<UInt8>) {
        bytes = buffer
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private var isAtEnd: Bool { position == bytes.count }

    private mutating func skipWhiteSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    /// A value with the white space around it.
    private mutating func value(_ level: Int) -> Bool {
        skipWhiteSpace()
        defer { skipWhiteSpace() }
        switch next {
        case 0x5B: return list(level, closedBy: 0x5D) { $0.value(level + 1) }
        case 0x7B: return list(level, closedBy: 0x7D) { $0.member(level + 1) }
        case 0x22: return string(isKey: false)
        case 0x74: return literal("true")
        case 0x66: return literal("false")
        case 0x6E: return literal("null")
        default: return number()
        }
    }

    private mutating func list(_ level: Int, closedBy end: UInt8, _ item: (inout StrictJSON) -> Bool) -> Bool {
        guard level < 500 else { return false }
        depth = max(depth, level)
        position += 1
        skipWhiteSpace()
        if take(end) { return true }
        repeat {
            guard item(&self) else { return false }
        } while take(0x2C)
        return take(end)
    }

    private mutating func member(_ level: Int) -> Bool {
        skipWhiteSpace()
        guard string(isKey: true) else { return false }
        skipWhiteSpace()
        return take(0x3A) && value(level)
    }

    private mutating func literal(_ word: StaticString) -> Bool {
        for index in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[index]) else { return false }
        }
        return true
    }

    private mutating func number() -> Bool {
        let start = position
        _ = take(0x2D)
        if !take(0x30) { guard digits() else { return false } }
        if take(0x2E) { guard digits() else { return false } }
        if take(0x65) || take(0x45) {
            if !take(0x2B) { _ = take(0x2D) }
            let exponent = position
            guard digits() else { return false }
            if position - exponent > 2 { hasHugeNumber = true }
        }
        if position - start > 200 { hasHugeNumber = true }
        return true
    }

    private mutating func digits() -> Bool {
        let start = position
        while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
        return position > start
    }

    private mutating func string(isKey: Bool) -> Bool {
        guard take(0x22) else { return false }
        var isHighBefore = false
        while let byte = next {
            var isHigh = false
            switch byte {
            case 0x22:
                if isHighBefore { hasLoneSurrogate = true }
                position += 1
                return true
            case 0x5C:
                position += 1
                guard let unit = escape() else { return false }
                if unit == 0, isKey { hasNULInKey = true }
                isHigh = (0xD800...0xDBFF).contains(unit)
                let isLow = (0xDC00...0xDFFF).contains(unit)
                if isHighBefore != isLow { hasLoneSurrogate = true }
                if isHighBefore, isLow { isHighBefore = false }
                if isHigh { isHighBefore = true }
                continue
            case 0..<0x20: return false
            case 0x20..<0x80: position += 1
            default: guard scalar() else { return false }
            }
            if isHighBefore { hasLoneSurrogate = true }
            isHighBefore = isHigh
        }
        return false
    }

    /// What an escape stands for, behind its backslash: a UTF-16 unit.
    private mutating func escape() -> UInt16? {
        guard let byte = next else { return nil }
        position += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: return UInt16(byte)
        case 0x62, 0x66, 0x6E, 0x72, 0x74: return 0x20
        case 0x75: break
        default: return nil
        }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }

    /// One scalar beyond ASCII (RFC 3629, section 4).
    private mutating func scalar() -> Bool {
        let first = bytes[position]
        let (count, second): (Int, ClosedRange<UInt8>) =
            switch first {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xE1...0xEF: (3, 0x80...0xBF)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            default: (0, 0x80...0xBF)
            }
        guard count > 0, position + count <= bytes.count, second.contains(bytes[position + 1]) else { return false }
        for index in 2..<max(count, 2) { guard (0x80...0xBF).contains(bytes[position + index]) else { return false } }
        position += count
        return true
    }
}
