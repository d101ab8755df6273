internal import JSON

/// The delivery that fills a template.
struct TemplateSource {
    let body: JSONValue
    let fields: HeaderFields
}

/// Why a template cannot be filled. Says what of the template, never what was delivered.
struct UnfilledTemplate: Error, Equatable {
    let detail: String
}

extension Template {
    /// The kinds of placeholders.
    private enum Accepted {
        /// Strings, and integers as they are written.
        case names
        /// Also other numbers as they are written, `true` and `false`.
        case scalars
    }

    /// Whether it takes anything from this header.
    ///
    /// - Parameter header: in lower case.
    func reads(header: String) -> Bool {
        parts.contains { if case .header(header, _) = $0 { true } else { false } }
    }

    /// The name of a room, an event or a namespace. Empty ones could reach others than were meant.
    ///
    /// - Throws: when a placeholder finds nothing that can be a name, when all of them come out empty, or the whole does.
    func name(from source: TemplateSource) throws(UnfilledTemplate) -> String {
        let (text, hasContent) = try fill(from: source, .names)
        guard hasContent else {
            throw UnfilledTemplate(detail: isConstant ? "is empty" : "would come out empty: \(placeholders)")
        }
        return text
    }

    /// The text, which may be empty.
    func text(from source: TemplateSource) throws(UnfilledTemplate) -> String {
        try fill(from: source, .scalars).text
    }

    /// Writes the value in JSON: what a pointer finds as it was sent, if there is nothing else; otherwise a string.
    func write(to json: inout JSONWriter, from source: TemplateSource) throws(UnfilledTemplate) {
        guard parts.count == 1, case .value(let pointer, let name) = parts[0] else {
            return json.string(try text(from: source))
        }
        guard let value = pointer.find(in: source.body) else { throw Self.nothing(name) }
        json.verbatim(value.text)
    }

    private func fill(
        from source: TemplateSource, _ accepted: Accepted
    ) throws(UnfilledTemplate) -> (text: String, hasContent: Bool) {
        var text = ""
        var hasFilled = false
        for part in parts {
            if case .constant(let piece) = part {
                text += piece
                continue
            }
            let piece = try Self.piece(part, source, accepted)
            hasFilled = hasFilled || !piece.isEmpty
            text += piece
        }
        return (text, isConstant ? !text.isEmpty : hasFilled)
    }

    private static func piece(
        _ part: Part, _ source: TemplateSource, _ accepted: Accepted
    ) throws(UnfilledTemplate) -> String {
        switch part {
        case .constant(let text): return text
        case .header(let name, let placeholder):
            let values = source.fields.values(named: name)
            guard values.count < 2 else { throw UnfilledTemplate(detail: "{\(placeholder)} comes more than once") }
            guard let value = values.first else { throw nothing(placeholder) }
            return value
        case .value(let pointer, let placeholder):
            guard let value = pointer.find(in: source.body) else { throw nothing(placeholder) }
            guard let text = text(of: value, accepted) else {
                let wanted = accepted == .names ? "no string and no integer" : "no string, number or boolean"
                throw UnfilledTemplate(detail: "{\(placeholder)} is \(wanted)")
            }
            return text
        }
    }

    private static func text(of value: JSONValue, _ accepted: Accepted) -> String? {
        switch value.kind {
        case .string: return value.string
        case .number:
            let text = value.text.bytes
            let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text
            let isInteger = digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            return isInteger || accepted == .scalars ? String(decoding: text, as: UTF8.self) : nil
        case .boolean: return accepted == .scalars ? value.boolean.map { $0 ? "true" : "false" } : nil
        case .object, .array, .null: return nil
        }
    }

    private var placeholders: String {
        parts.compactMap { part in
            switch part {
            case .constant: nil
            case .value(_, let placeholder), .header(_, let placeholder): "{\(placeholder)}"
            }
        }.joined(separator: ", ")
    }

    private static func nothing(_ placeholder: String) -> UnfilledTemplate {
        UnfilledTemplate(detail: "{\(placeholder)} finds nothing")
    }
}
