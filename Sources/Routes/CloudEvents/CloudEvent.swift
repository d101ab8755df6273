internal import JSON

/// An event in CloudEvents' JSON format (CloudEvents 1.0.2, JSON Event Format), checked as far as the gateway relies on it.
struct CloudEvent {
    let value: JSONValue
    let source: String
    let id: String

    /// - Parameter fail: gets everything that is wrong.
    /// - Returns: `nil` if anything is.
    init?(_ value: JSONValue, _ fail: (Problem.Place) -> Void) {
        guard value.kind == .object else {
            fail(.init("", "must be an object"))
            return nil
        }
        var isValid = true
        func refuse(_ name: String, _ detail: String) {
            isValid = false
            fail(.init("/\(name)", detail))
        }
        // `null` is the same as nothing (JSON Event Format, section 2.2).
        func attribute(_ name: String, isRequired: Bool) -> String? {
            guard let member = value.member(name), member.kind != .null else {
                if isRequired { refuse(name, "is required") }
                return nil
            }
            guard let text = member.string, !text.isEmpty else {
                refuse(name, "must be a string that is not empty")
                return nil
            }
            return text
        }
        if let version = attribute("specversion", isRequired: true), version != "1.0" {
            refuse("specversion", "must be \"1.0\"")
        }
        let (source, id) = (attribute("source", isRequired: true), attribute("id", isRequired: true))
        _ = attribute("type", isRequired: true)
        _ = attribute("subject", isRequired: false)
        if value.member("data") != nil, value.member("data_base64") != nil {
            refuse("data", "not together with data_base64")
        }
        guard isValid, let source, let id else { return nil }
        self.value = value
        self.source = source
        self.id = id
    }
}

/// How a request carries an event, or many (HTTP Protocol Binding 1.0.2, section 3).
enum CloudEventMode {
    case structured, batch, binary

    /// - Returns: `nil` if it carries none that can be read.
    init?(_ fields: HeaderFields) {
        let type = fields[.contentType].map(ContentType.init)
        switch type?.essence {
        case "application/cloudevents+json"?: self = .structured
        case "application/cloudevents-batch+json"?: self = .batch
        case let other? where other.hasPrefix("application/cloudevents"): return nil
        default:
            guard fields.others.contains(where: { $0.name.hasPrefix("ce-") }) else { return nil }
            self = .binary
            return
        }
        // The formats of whole events are UTF-8; what binary mode carries may be anything.
        if type?.isUTF8 != true { return nil }
    }
}
