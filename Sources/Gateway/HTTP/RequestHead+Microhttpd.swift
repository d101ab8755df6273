internal import CMicrohttpd
internal import Routes

/// What libmicrohttpd hands over of a request's head, checked for what its parser lets through.
struct ParsedHead {
    let head: RequestHead
    /// Why the bytes must not be taken for a request; `nil` if they may.
    let malformation: String?

    /// - Parameter version: the request line's last word, in the connection's read buffer.
    init(
        _ connection: OpaquePointer, url: UnsafePointer<CChar>, method: UnsafePointer<CChar>,
        version: UnsafePointer<CChar>
    ) {
        var collector = HeaderCollector()
        withUnsafeMutablePointer(to: &collector) { collector in
            _ = MHD_get_connection_values_n(
                connection, .HEADER_KIND,
                { context, _, name, nameSize, value, valueSize in
                    context!.assumingMemoryBound(to: HeaderCollector.self).pointee.add(name, nameSize, value, valueSize)
                    return .YES
                }, collector)
        }
        if !Self.endsWithCRLF(version, count: strlen(version)) {
            collector.malformation = "a line that does not end in CRLF"
        }
        malformation = collector.malformation
        head = RequestHead(
            method: HTTPMethod(rawValue: String(cString: method)) ?? .other,
            path: String(cString: url),
            isHTTP10: strcmp(version, "HTTP/1.0") == 0,
            fields: collector.fields)
    }

    /// libmicrohttpd puts a NUL over each byte of a line's end and leaves what follows: CRLF shows as two of them, a
    /// bare LF or a NUL inside the line as one. Behind every line of a head there is at least one byte more, its last
    /// empty line, so this reads nothing that is not there.
    fileprivate static func endsWithCRLF(_ text: UnsafePointer<CChar>, count: Int) -> Bool {
        text[count] == 0 && text[count + 1] == 0
    }
}

private struct HeaderCollector {
    var fields = HeaderFields()
    var malformation: String?

    /// One header line as it stands in the read buffer: name, NUL (it was the colon), white space, value, line end.
    mutating func add(_ name: UnsafePointer<CChar>?, _ nameSize: Int, _ value: UnsafePointer<CChar>?, _ valueSize: Int)
    {
        guard let name, let value else {
            malformation = "a header without a value"
            return
        }
        guard Self.isOneLine(name, nameSize, value), ParsedHead.endsWithCRLF(value, count: valueSize) else {
            malformation = "a header line that is folded, or does not end in CRLF"
            return
        }
        name.withMemoryRebound(to: UInt8.self, capacity: nameSize) { bytes in
            let bytes = UnsafeBufferPointer(start: bytes, count: nameSize)
            guard !bytes.isEmpty, bytes.allSatisfy(Self.isTokenCharacter) else {
                malformation = "a header name that is not a token"
                return
            }
            guard let known = HeaderName(bytes) else { return }
            value.withMemoryRebound(to: UInt8.self, capacity: valueSize) { bytes in
                let bytes = UnsafeBufferPointer(start: bytes, count: valueSize)
                fields.add(known, String(decoding: Self.withoutTrailingSpace(bytes), as: UTF8.self))
            }
        }
    }

    /// Whether the value stands right behind the name. libmicrohttpd joins a folded line to the name, elsewhere in
    /// memory: `Content-Length: 5`, folded, becomes a header of another name (0.9.75, process_broken_line).
    private static func isOneLine(_ name: UnsafePointer<CChar>, _ nameSize: Int, _ value: UnsafePointer<CChar>) -> Bool
    {
        let gap = UInt(bitPattern: value) &- UInt(bitPattern: name) &- UInt(nameSize)
        guard gap >= 1, gap < 1 << 16 else { return false }
        let space = [CChar(UInt8(ascii: " ")), CChar(UInt8(ascii: "\t"))]
        return (nameSize + 1..<nameSize + Int(gap)).allSatisfy { space.contains(name[$0]) }
    }

    /// RFC 9110, section 5.6.2.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "."), UInt8(ascii: "^"),
            UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func withoutTrailingSpace(_ value: UnsafeBufferPointer<UInt8>) -> Slice<UnsafeBufferPointer<UInt8>> {
        var end = value.endIndex
        while end > 0, value[end - 1] == UInt8(ascii: " ") || value[end - 1] == UInt8(ascii: "\t") { end -= 1 }
        return value[..<end]
    }
}
