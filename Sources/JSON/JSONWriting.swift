/// Writing JSON, byte by byte, into a buffer.
extension [UInt8] {
    /// Appends text whose bytes need no escaping, such as punctuation.
    @inlinable
    public mutating func append(json literal: StaticString) {
        literal.withUTF8Buffer { append(contentsOf: $0) }
    }

    public mutating func append(json text: JSONText) {
        append(contentsOf: text.bytes)
    }

    /// Appends a string literal: quotes, and escapes for what JSON forbids inside them (RFC 8259 section 7).
    public mutating func append(jsonString string: String) {
        append(UInt8(ascii: "\""))
        var string = string
        string.withUTF8 { utf8 in
            var clean = 0
            for index in utf8.indices {
                let byte = utf8[index]
                guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
                append(contentsOf: utf8[clean..<index])
                appendEscape(of: byte)
                clean = index + 1
            }
            append(contentsOf: utf8[clean...])
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends an array of string literals.
    public mutating func append(jsonStrings strings: some Sequence<String>) {
        append(UInt8(ascii: "["))
        var isFirst = true
        for string in strings {
            if !isFirst { append(UInt8(ascii: ",")) }
            isFirst = false
            append(jsonString: string)
        }
        append(UInt8(ascii: "]"))
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
