extension Substring {
    /// Without spaces and tabs around it (RFC 9110, section 5.6.3).
    var withoutSpace: Substring {
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var bytes = utf8.drop(while: isSpace)
        while bytes.last.map(isSpace) == true { bytes.removeLast() }
        return Substring(bytes)
    }
}
