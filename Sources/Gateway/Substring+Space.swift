extension Substring {
    /// Without spaces and tabs around it (RFC 9110, section 5.6.3).
    var withoutSpace: Substring {
        trimmed { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    }

    /// Without spaces, tabs and line breaks around it.
    var withoutSpaceAround: Substring {
        trimmed { $0 == UInt8(ascii: " ") || (UInt8(ascii: "\t")...UInt8(ascii: "\r")).contains($0) }
    }

    private func trimmed(_ isSpace: (UInt8) -> Bool) -> Substring {
        var bytes = utf8.drop(while: isSpace)
        while bytes.last.map(isSpace) == true { bytes.removeLast() }
        return Substring(bytes)
    }
}
