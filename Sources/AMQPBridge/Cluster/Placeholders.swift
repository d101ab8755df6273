internal import JSON

extension JSONValue {
    /// The value with each placeholder `{"_placeholder":true,"num":n}` replaced by `{"$binary":"…"}`, as callers send
    /// bytes, too.
    ///
    /// - Parameter attachments: the bytes in base64; without any the value is as it was written.
    func replacingPlaceholders(by attachments: [String]) -> JSONText {
        guard !attachments.isEmpty else { return text }
        var json: [UInt8] = []
        append(to: &json, attachments)
        return JSONText(verbatim: json[...])
    }

    private func append(to json: inout [UInt8], _ attachments: [String]) {
        switch kind {
        case .array:
            json.append(json: "[")
            forEachElement { index, element in
                if index > 0 { json.append(json: ",") }
                element.append(to: &json, attachments)
            }
            json.append(json: "]")
        case .object: appendObject(to: &json, attachments)
        default: json.append(json: text)
        }
    }

    private func appendObject(to json: inout [UInt8], _ attachments: [String]) {
        let members = members
        if members["_placeholder"]?.boolean == true, let number = members["num"]?.integer,
            attachments.indices.contains(number)
        {
            json.append(json: "{\"$binary\":")
            json.append(jsonString: attachments[number])
            json.append(json: "}")
            return
        }
        json.append(json: "{")
        var isFirst = true
        forEachMember { key, value in
            if !isFirst { json.append(json: ",") }
            isFirst = false
            json.append(jsonString: key)
            json.append(json: ":")
            value.append(to: &json, attachments)
        }
        json.append(json: "}")
    }
}
