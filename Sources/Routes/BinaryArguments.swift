internal import JSON

/// Takes the bytes out of an argument list: every `{"$binary": "<base64>"}` becomes a placeholder, numbered in the order of
/// the text, and its base64 an attachment. Everything else stays as it was written.
struct BinaryArguments {
    private(set) var text: [UInt8] = []
    /// Base64 (RFC 4648, section 4).
    private(set) var attachments: [String] = []
    private(set) var faults: [Problem.Place] = []

    private static let marker = "$binary"
    /// What Socket.IO itself puts in the place of bytes (protocol revision 5): data that contains it could not be told apart.
    private static let placeholder = "_placeholder"

    /// - Parameter pointer: where the list stands in the request.
    init(elementsOf list: JSONValue, at pointer: String) {
        list.forEachElement { index, element in
            if index > 0 { text.append(json: ",") }
            append(element, at: "\(pointer)/\(index)")
        }
    }

    init(_ argument: JSONValue, at pointer: String) {
        append(argument, at: pointer)
    }

    private mutating func append(_ value: JSONValue, at pointer: String) {
        switch value.kind {
        case .array:
            text.append(json: "[")
            value.forEachElement { index, element in
                if index > 0 { text.append(json: ",") }
                append(element, at: "\(pointer)/\(index)")
            }
            text.append(json: "]")
        case .object: appendObject(value, at: pointer)
        default: text.append(json: value.text)
        }
    }

    private mutating func appendObject(_ value: JSONValue, at pointer: String) {
        var members: [(key: String, value: JSONValue)] = []
        value.forEachMember { key, value in members.append((key, value)) }
        if let marked = members.first(where: { $0.key == Self.marker }) {
            appendAttachment(marked.value, isAlone: members.count == 1, at: pointer)
            return
        }
        text.append(json: "{")
        for (index, member) in members.enumerated() {
            let place = "\(pointer)/\(Problem.Place.token(member.key))"
            if member.key == Self.placeholder {
                faults.append(.init(place, "is Socket.IO's own sign for bytes; not allowed together with binary"))
            }
            if index > 0 { text.append(json: ",") }
            text.append(jsonString: member.key)
            text.append(json: ":")
            append(member.value, at: place)
        }
        text.append(json: "}")
    }

    private mutating func appendAttachment(_ value: JSONValue, isAlone: Bool, at pointer: String) {
        guard isAlone else {
            faults.append(.init(pointer, "an object with $binary has no other member"))
            return
        }
        guard let base64 = value.string, Self.isBase64(base64) else {
            faults.append(.init("\(pointer)/\(Self.marker)", "must be a string of base64 with padding"))
            return
        }
        text.append(json: "{\"_placeholder\":true,\"num\":")
        text.append(contentsOf: String(attachments.count).utf8)
        text.append(json: "}")
        attachments.append(base64)
    }

    /// The standard alphabet, in groups of four, the last one padded.
    static func isBase64(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.count % 4 == 0 else { return false }
        let padding = bytes.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else { return false }
        return bytes.dropLast(padding).allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }
}
