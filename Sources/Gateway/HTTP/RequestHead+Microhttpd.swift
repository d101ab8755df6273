internal import CMicrohttpd
internal import Glibc
internal import Routes

/// A request's head as libmicrohttpd hands it over, checked for what its parser lets through.
///
/// The parser (0.9.75) takes a bare LF for the end of a line, joins a folded line to the *name* of the header before
/// it, cuts everything at NUL, and takes a header line with an empty name for the end of the head. A proxy in front of
/// us may read other requests out of such bytes. One rule excludes all of it: **the head is exactly its parts.** The
/// parser works in place and puts NUL over separators, so the strings that it hands over still stand where they were
/// received; method, target, version and headers must follow each other with nothing between them but a space, a colon,
/// white space behind it, or CRLF, and end where the parser says that the head ends.
struct ParsedHead {
    let head: RequestHead
    /// The reason why the bytes must not be taken for a request; `nil` if they may.
    let malformation: String?
    /// The part of the connection's memory that the head takes, in bytes.
    let memory: Int

    /// libmicrohttpd keeps each header in a structure of 56 bytes, aligned to 16 (0.9.75).
    private static let fieldMemory = 64

    /// `http://host` alone means its root (RFC 9112, section 3.2.1).
    private static func path(_ path: UnsafePointer<CChar>) -> String { path.pointee == 0 ? "/" : String(cString: path) }

    init(_ raw: borrowing RawHead, _ connection: OpaquePointer) {
        let method = raw.text
        let version = method + raw.version
        var layout = HeadLayout(raw)
        var fields = HeaderFields()
        withUnsafeMutablePointer(to: &fields) { fields in
            withUnsafeMutablePointer(to: &layout) { layout in
                var head = (layout: layout, fields: fields)
                withUnsafeMutablePointer(to: &head) { head in
                    _ = MHD_get_connection_values_n(
                        connection, MHD_ValueKind.HEADER_KIND,
                        { context, _, name, nameSize, value, valueSize in
                            let head = context!.assumingMemoryBound(to: HeadPointers.self).pointee
                            head.layout.pointee.add(name, nameSize, value, valueSize, to: &head.fields.pointee)
                            return .YES
                        }, head)
                }
            }
        }
        if let authority = layout.authority { fields.replace(.host, by: authority) }
        malformation = layout.finish(at: method + raw.bytes.count)
        memory = raw.bytes.count + layout.fieldCount * Self.fieldMemory
        let path = Self.path(layout.path)
        head = RequestHead(
            method: HTTPMethod(method), path: path, query: raw.query, isHTTP10: strcmp(version, "HTTP/1.0") == 0,
            fields: consume fields)
    }

    /// A head that was read before.
    init(_ known: KnownHead) {
        head = known.head
        malformation = nil
        memory = known.memory
    }
}

extension KnownHeads {
    /// Reads a head, if the same was not read before.
    mutating func read(_ raw: borrowing RawHead, _ connection: OpaquePointer) -> ParsedHead {
        switch find(raw, hasFields: { FieldPlaces.are($0, raw, connection) }) {
        case .known(let known): return ParsedHead(known)
        case .new: return ParsedHead(raw, connection)
        case .seen:
            let parsed = ParsedHead(raw, connection)
            if parsed.malformation == nil {
                keep(raw, fields: FieldPlaces.all(raw, connection), parsed.head, memory: parsed.memory)
            }
            return parsed
        }
    }
}

/// Where libmicrohttpd has found the header lines of a head.
private enum FieldPlaces {
    /// What its callback gets.
    private struct Comparison {
        let text: UnsafePointer<CChar>
        let places: UnsafeBufferPointer<FieldPlace>
        var index = 0
        var areSame = true
    }

    /// Whether the header lines stand in these places, and there are no others.
    static func are(_ places: borrowing [FieldPlace], _ raw: borrowing RawHead, _ connection: OpaquePointer) -> Bool {
        let text = raw.text
        return places.withUnsafeBufferPointer { places in
            var comparison = Comparison(text: text, places: places)
            withUnsafeMutablePointer(to: &comparison) { comparison in
                _ = MHD_get_connection_values_n(
                    connection, MHD_ValueKind.HEADER_KIND,
                    { context, _, name, nameSize, value, valueSize in
                        let comparison = context!.assumingMemoryBound(to: Comparison.self)
                        guard name != noCookie.cString else { return .YES }
                        let index = comparison.pointee.index
                        comparison.pointee.index += 1
                        guard index < comparison.pointee.places.count,
                            FieldPlace(name, nameSize, value, valueSize, in: comparison.pointee.text)
                                == comparison.pointee.places[index]
                        else {
                            comparison.pointee.areSame = false
                            return .NO
                        }
                        return .YES
                    }, comparison)
            }
            return comparison.areSame && comparison.index == places.count
        }
    }

    static func all(_ raw: borrowing RawHead, _ connection: OpaquePointer) -> [FieldPlace] {
        var list = (text: raw.text, places: [FieldPlace]())
        withUnsafeMutablePointer(to: &list) { list in
            _ = MHD_get_connection_values_n(
                connection, MHD_ValueKind.HEADER_KIND,
                { context, _, name, nameSize, value, valueSize in
                    let list = context!.assumingMemoryBound(
                        to: (text: UnsafePointer<CChar>, places: [FieldPlace]).self)
                    if name != noCookie.cString {
                        list.pointee.places.append(
                            FieldPlace(name, nameSize, value, valueSize, in: list.pointee.text))
                    }
                    return .YES
                }, list)
        }
        return list.places
    }
}

extension FieldPlace {
    fileprivate init(
        _ name: UnsafePointer<CChar>?, _ nameSize: Int, _ value: UnsafePointer<CChar>?, _ valueSize: Int,
        in text: UnsafePointer<CChar>
    ) {
        self.init(
            name: name.map { $0 - text } ?? .min, nameSize: nameSize,
            value: value.map { $0 - text } ?? .min, valueSize: valueSize)
    }
}

extension RawHead {
    /// The method, and what is behind it.
    fileprivate var text: UnsafePointer<CChar> { bytes.baseAddress!.assumingMemoryBound(to: CChar.self) }
}

/// What libmicrohttpd's callback gets.
private typealias HeadPointers = (
    layout: UnsafeMutablePointer<HeadLayout>, fields: UnsafeMutablePointer<HeaderFields>
)

/// Follows a head through the read buffer.
private struct HeadLayout: ~Copyable {
    /// The beginning of the path, which ends in NUL.
    let path: UnsafePointer<CChar>
    /// The authority of a target in absolute form; `nil`: it has another form.
    let authority: String?
    /// Whether headers of any name are kept: where webhooks come, at the root, for `Accept`, and of the console, for
    /// `If-None-Match`.
    private let keepsOthers: Bool
    private var malformation: String?
    /// The number of header lines, those that are not read included.
    private(set) var fieldCount = 0
    /// The place where the next line has to begin.
    private var next: UnsafePointer<CChar>
    private let isFromProxy: Bool

    init(_ raw: borrowing RawHead) {
        let method = raw.text
        let (url, version) = (method + raw.target, method + raw.version)
        next = version
        isFromProxy = raw.isFromProxy
        if url.pointee == CChar(UInt8(ascii: "/")) {
            (path, authority) = (url, nil)
        } else {
            let length = strlen(url)
            (path, authority) = url.withMemoryRebound(to: UInt8.self, capacity: length) {
                let target = UnsafeBufferPointer(start: $0, count: length)
                return (url + RequestTarget.pathOffset(in: target), RequestTarget.authority(of: target))
            }
        }
        keepsOthers =
            WebhookPaths.contain(path) || path.pointee == 0 || path[1] == 0 || strncmp(path, "/console/", 9) == 0
        let isOneLine = url == method + strlen(method) + 1 && version == url + raw.targetLength + 1
        if !isOneLine { malformation = "a request line that is not 'method target version'" }
        endLine(version, count: strlen(version))
    }

    /// Adds one header line as it stands in the buffer: name, NUL (it was the colon), white space, value, line end.
    ///
    /// - Parameter fields: apart, for they are large to copy.
    mutating func add(
        _ name: UnsafePointer<CChar>?, _ nameSize: Int, _ value: UnsafePointer<CChar>?, _ valueSize: Int,
        to fields: inout HeaderFields
    ) {
        fieldCount += 1
        guard malformation == nil, name != noCookie.cString else { return }
        guard let name, let value, name == next, Self.isOneLine(name, nameSize, value) else {
            malformation = "a header line that is folded, or that is none"
            return
        }
        endLine(value, count: valueSize)
        name.withMemoryRebound(to: UInt8.self, capacity: nameSize) { bytes in
            let name = UnsafeBufferPointer(start: bytes, count: nameSize)
            let known = HeaderName(name)
            guard known != nil || name.allSatisfy(Self.isTokenCharacter) else {
                malformation = "a header name that is not a token"
                return
            }
            // A pattern, for the enumeration's `==` is called through a table.
            let isForwardedFor = if case .forwardedFor? = known { true } else { false }
            if known == nil || isForwardedFor { fields.noteForwarding(name) }
            guard known != nil || keepsOthers, !isForwardedFor || isFromProxy else { return }
            value.withMemoryRebound(to: UInt8.self, capacity: valueSize) { bytes in
                let value = Self.withoutTrailingSpace(UnsafeBufferPointer(start: bytes, count: valueSize))
                if let known {
                    fields.add(known, value)
                } else {
                    fields.add(other: Self.lowercased(name), String(decoding: value, as: UTF8.self))
                }
            }
        }
    }

    /// The head must end here: with an empty line behind its last one.
    func finish(at end: UnsafePointer<CChar>) -> String? {
        malformation ?? (next + 2 == end ? nil : "a head that does not end in an empty line")
    }

    /// libmicrohttpd puts a NUL over each byte of a line's end: two of them are CRLF. Behind every line of a head there
    /// is at least one byte more, its last empty line, so this reads nothing that is not there.
    private mutating func endLine(_ text: UnsafePointer<CChar>, count: Int) {
        guard malformation == nil else { return }
        if text[count] != 0 || text[count + 1] != 0 { malformation = "a line that does not end in CRLF" }
        next = text + count + 2
    }

    /// Whether the value stands right behind the name and its colon.
    private static func isOneLine(_ name: UnsafePointer<CChar>, _ nameSize: Int, _ value: UnsafePointer<CChar>) -> Bool
    {
        guard nameSize > 0, value > name + nameSize else { return false }
        var gap = name + nameSize + 1
        while gap < value {
            guard gap.pointee == CChar(UInt8(ascii: " ")) || gap.pointee == CChar(UInt8(ascii: "\t")) else {
                return false
            }
            gap += 1
        }
        return true
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

    /// A token in lower case.
    private static func lowercased(_ name: UnsafeBufferPointer<UInt8>) -> String {
        String(
            decoding: name.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    private static func withoutTrailingSpace(_ value: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        var end = value.count
        while end > 0, value[end - 1] == UInt8(ascii: " ") || value[end - 1] == UInt8(ascii: "\t") { end -= 1 }
        return UnsafeBufferPointer(rebasing: value[..<end])
    }
}
