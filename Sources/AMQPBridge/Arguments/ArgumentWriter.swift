internal import JSON

/// Writes arguments, and keeps the bytes among them apart: placeholders stand for them in the JSON. In the place of
/// what cannot be written stands `null`.
struct ArgumentWriter {
    /// Base64 (RFC 4648, section 4), in the order of the placeholders.
    private(set) var attachments: [String] = []
    private(set) var faults: [BinaryArguments.Fault] = []
    /// Whether there may be bytes: then nothing else may look like a placeholder.
    let isBinary: Bool

    private static let marker = "$binary"
    /// The member that Socket.IO itself puts in the place of bytes (protocol revision 5): data that contains it could
    /// not be told apart.
    private static let placeholder = "_placeholder"

    init(isBinary: Bool) {
        self.isBinary = isBinary
    }

    /// - Parameters:
    ///   - marksBytes: whether `{"$binary": "<base64>"}` stands for bytes.
    ///   - pointer: where the value stands, for faults.
    mutating func write(_ value: JSONValue, marksBytes: Bool, at pointer: String, to json: inout JSONWriter) {
        switch value.kind {
        case .array:
            json.list { list in
                value.forEachElement { index, element in
                    list.element { write(element, marksBytes: marksBytes, at: "\(pointer)/\(index)", to: &$0) }
                }
            }
        case .object: writeObject(value, marksBytes: marksBytes, at: pointer, to: &json)
        default: json.verbatim(value.text)
        }
    }

    mutating func check(key: String, at place: String) {
        guard isBinary, key == Self.placeholder else { return }
        fail(place, "is Socket.IO's own sign for bytes; not allowed together with binary")
    }

    mutating func write(attachment base64: String, to json: inout JSONWriter) {
        json.object { json in
            json.member("_placeholder", true)
            json.member("num", attachments.count)
        }
        attachments.append(base64)
    }

    /// Writes `null` in the place of what is wrong.
    mutating func fail(_ pointer: String, _ detail: String, writingTo json: inout JSONWriter) {
        fail(pointer, detail)
        json.null()
    }

    mutating func fail(_ pointer: String, _ detail: String) {
        faults.append(BinaryArguments.Fault(pointer: pointer, detail: detail))
    }

    private mutating func writeObject(
        _ value: JSONValue, marksBytes: Bool, at pointer: String, to json: inout JSONWriter
    ) {
        var members: [(key: String, value: JSONValue)] = []
        value.forEachMember { key, value in members.append((key, value)) }
        if marksBytes, let marked = members.first(where: { $0.key == Self.marker }) {
            writeMarked(marked.value, isAlone: members.count == 1, at: pointer, to: &json)
            return
        }
        json.object { object in
            for member in members {
                let place = "\(pointer)/\(member.key.jsonPointerToken)"
                check(key: member.key, at: place)
                object.member(named: member.key) {
                    write(member.value, marksBytes: marksBytes, at: place, to: &$0)
                }
            }
        }
    }

    private mutating func writeMarked(
        _ value: JSONValue, isAlone: Bool, at pointer: String, to json: inout JSONWriter
    ) {
        guard isAlone else {
            return fail(pointer, "an object with $binary has no other member", writingTo: &json)
        }
        guard let base64 = value.string, Base64.isValid(base64) else {
            return fail(
                "\(pointer)/\(Self.marker)", "must be a string of base64 with padding", writingTo: &json)
        }
        write(attachment: base64, to: &json)
    }
}
