internal import JSON

/// Writes arguments as JSON text, and keeps the bytes among them apart: placeholders stand for them in the text.
struct ArgumentWriter {
    var text: [UInt8] = []
    /// Base64 (RFC 4648, section 4), in the order of the placeholders.
    private(set) var attachments: [String] = []
    private(set) var faults: [BinaryArguments.Fault] = []
    /// Whether there may be bytes: then nothing else may look like a placeholder.
    let isBinary: Bool

    private static let marker = "$binary"
    /// What Socket.IO itself puts in the place of bytes (protocol revision 5): data that contains it could not be told apart.
    private static let placeholder = "_placeholder"

    init(isBinary: Bool) {
        self.isBinary = isBinary
    }

    /// - Parameters:
    ///   - marksBytes: whether `{"$binary": "<base64>"}` stands for bytes.
    ///   - pointer: where the value stands, for faults.
    mutating func append(_ value: JSONValue, marksBytes: Bool, at pointer: String) {
        switch value.kind {
        case .array:
            text.append(json: "[")
            value.forEachElement { index, element in
                if index > 0 { text.append(json: ",") }
                append(element, marksBytes: marksBytes, at: "\(pointer)/\(index)")
            }
            text.append(json: "]")
        case .object: appendObject(value, marksBytes: marksBytes, at: pointer)
        default: text.append(json: value.text)
        }
    }

    mutating func append(key: String, at place: String) {
        if isBinary, key == Self.placeholder {
            fail(place, "is Socket.IO's own sign for bytes; not allowed together with binary")
        }
        text.append(jsonString: key)
        text.append(json: ":")
    }

    mutating func append(attachment base64: String) {
        text.append(json: "{\"_placeholder\":true,\"num\":")
        text.append(contentsOf: String(attachments.count).utf8)
        text.append(json: "}")
        attachments.append(base64)
    }

    mutating func fail(_ pointer: String, _ detail: String) {
        faults.append(BinaryArguments.Fault(pointer: pointer, detail: detail))
    }

    private mutating func appendObject(_ value: JSONValue, marksBytes: Bool, at pointer: String) {
        var members: [(key: String, value: JSONValue)] = []
        value.forEachMember { key, value in members.append((key, value)) }
        if marksBytes, let marked = members.first(where: { $0.key == Self.marker }) {
            appendMarked(marked.value, isAlone: members.count == 1, at: pointer)
            return
        }
        text.append(json: "{")
        for (index, member) in members.enumerated() {
            let place = "\(pointer)/\(member.key.jsonPointerToken)"
            if index > 0 { text.append(json: ",") }
            append(key: member.key, at: place)
            append(member.value, marksBytes: marksBytes, at: place)
        }
        text.append(json: "}")
    }

    private mutating func appendMarked(_ value: JSONValue, isAlone: Bool, at pointer: String) {
        guard isAlone else {
            fail(pointer, "an object with $binary has no other member")
            return
        }
        guard let base64 = value.string, Base64.isValid(base64) else {
            fail("\(pointer)/\(Self.marker)", "must be a string of base64 with padding")
            return
        }
        append(attachment: base64)
    }
}
