internal import Hashing
internal import JSON

/// An event in binary mode: its attributes in `ce-` headers, its data in the body (CloudEvents 1.0.2, HTTP Protocol
/// Binding, section 3.1). It becomes what it would be in structured mode, so that templates and clients see one shape.
enum BinaryCloudEvent {
    /// The event in the JSON format.
    static func json(_ fields: HeaderFields, _ body: [UInt8]) throws(Problem) -> [UInt8] {
        var json: [UInt8] = []
        json.append(json: "{")
        var names = Set<String>()
        for (header, value) in fields.others where header.hasPrefix("ce-") {
            let name = String(header.dropFirst("ce-".count))
            guard isAttribute(name) else { throw refusal(header, "is no attribute of a CloudEvent") }
            guard names.insert(name).inserted else { throw refusal(header, "comes twice") }
            guard let text = decoded(value) else { throw refusal(header, "is escaped wrongly, or not in UTF-8") }
            if names.count > 1 { json.append(json: ",") }
            append(name, text, to: &json)
        }
        if let type = fields[.contentType] {
            if !names.isEmpty { json.append(json: ",") }
            append("datacontenttype", type, to: &json)
        }
        if !body.isEmpty { try append(data: body, fields[.contentType].map(ContentType.init), to: &json) }
        json.append(json: "}")
        return json
    }

    /// JSON stays what it is, text becomes a string, and everything else base64 (JSON Event Format, section 3.1).
    private static func append(data: [UInt8], _ type: ContentType?, to json: inout [UInt8]) throws(Problem) {
        if let type, type.isUTF8, type.isJSON {
            // Checked by itself: inside of the event, what is none could still make one.
            let document = try JSONDocument(delivered: data)
            json.append(json: ",\"data\":")
            json.append(json: document.root.text)
        } else if let type, type.isUTF8, type.essence.hasPrefix("text/"),
            let text = String(validating: data, as: UTF8.self)
        {
            json.append(json: ",")
            append("data", text, to: &json)
        } else {
            json.append(json: ",")
            append("data_base64", Base64.encode(data), to: &json)
        }
    }

    private static func append(_ name: String, _ value: String, to json: inout [UInt8]) {
        json.append(jsonString: name)
        json.append(json: ":")
        json.append(jsonString: value)
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
