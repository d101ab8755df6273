extension RandomAccessCollection where Element == UInt8, Index == Int {
    /// The UTF-16 unit of an escape such as `\u00e9` that begins at `index`; `nil` if none does (RFC 8259, section 7).
    func utf16Escape(at index: Int) -> UInt16? {
        guard index + 6 <= endIndex, self[index] == UInt8(ascii: "\\"), self[index + 1] == UInt8(ascii: "u")
        else { return nil }
        return UInt16(String(decoding: self[index + 2..<index + 6], as: UTF8.self), radix: 16)
    }
}
