internal import Hashing
internal import JSON

/// An event in binary mode: its attributes in `ce-` headers, its data in the body (CloudEvents 1.0.2, HTTP Protocol
/// Binding, section 3.1). It becomes what it would be in structured mode, so that templates and clients see one shape.
enum BinaryCloudEvent {
    /// The event in the JSON format.
    static func json(_ fields: HeaderFields, _ body: [UInt8]) throws(Problem) -> [UInt8] {
        try JSONWriter.bytes { (json) throws(Problem) in
            try json.object { (json) throws(Problem) in try write(fields, body, to: &json) }
        }
    }

    private static func write(
        _ fields: HeaderFields, _ body: [UInt8], to json: inout JSONObjectWriter
    ) throws(Problem) {
        var names = Set<String>()
        for (header, value) in fields.others where header.hasPrefix("ce-") {
            let name = String(header.dropFirst("ce-".count))
            guard isAttribute(name) else { throw refusal(header, "is no attribute of a CloudEvent") }
            guard names.insert(name).inserted else { throw refusal(header, "comes twice") }
            guard let text = decoded(value) else { throw refusal(header, "is escaped wrongly, or not in UTF-8") }
            json.member(named: name, text)
        }
        json.member("datacontenttype", ifPresent: fields[.contentType])
        if !body.isEmpty { try write(data: body, fields[.contentType].map(ContentType.init), to: &json) }
    }

    /// JSON stays what it is, text becomes a string, and everything else base64 (JSON Event Format, section 3.1).
    private static func write(
        data: [UInt8], _ type: ContentType?, to json: inout JSONObjectWriter
    ) throws(Problem) {
        if let type, type.isUTF8, type.isJSON {
            // Checked by itself: inside of the event, what is none could still make one.
            let document = try JSONDocument(delivered: data)
            json.member("data", document.root.text)
        } else if let type, type.isUTF8, type.essence.hasPrefix("text/"),
            let text = String(validating: data, as: UTF8.self)
        {
            json.member("data", text)
        } else {
            json.member("data_base64", Base64.encode(data))
        }
    }

    /// Lower-case letters and digits (CloudEvents 1.0.2, section 2.1); the data and its type have other places.
    private static func isAttribute(_ name: String) -> Bool {
        !name.isEmpty && name != "data" && name != "datacontenttype"
            && name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
            }
    }

    /// First the quotes are removed, then percent escapes are (section 3.1.3.2).
    private static func decoded(_ value: String) -> String? {
        try? Query.decoded(unquoted(Array(value.utf8)), plusIsSpace: false)
    }

    private static func unquoted(_ value: [UInt8]) -> [UInt8] {
        let quote = UInt8(ascii: "\"")
        guard value.count >= 2, value.first == quote, value.last == quote else { return value }
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in value.dropFirst().dropLast() {
            if byte == UInt8(ascii: "\\"), !isEscaped {
                isEscaped = true
            } else {
                bytes.append(byte)
                isEscaped = false
            }
        }
        return bytes
    }

    private static func refusal(_ header: String, _ detail: String) -> Problem {
        Problem(.invalidRequest, "the header \(header.printable(atMost: 64)) \(detail)")
    }
}
