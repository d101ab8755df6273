internal import JSON

extension ArgumentWriter {
    /// How many arrays and objects of an argument may be open at once; servers parse recursively.
    static let maximumDepth = 64

    /// - Parameters:
    ///   - pointer: where the value stands in its argument, for faults.
    ///   - depth: how many arrays and objects are open around it.
    mutating func append(_ argument: Argument, at pointer: String = "", depth: Int = 0) {
        switch argument {
        case .null: text.append(json: "null")
        case .bool(let value): if value { text.append(json: "true") } else { text.append(json: "false") }
        case .int(let value): text.append(contentsOf: String(value).utf8)
        case .double(let value): append(value, at: pointer)
        case .string(let value): text.append(jsonString: value)
        case .bytes(let bytes): append(attachment: Base64.encode(bytes))
        case .encoded(let json, let binary): append(json: json, marksBytes: binary, at: pointer, depth: depth)
        case .array(let elements):
            guard isNestable(at: pointer, depth: depth) else { return }
            append(elements, at: pointer, depth: depth + 1)
        case .object(let members):
            guard isNestable(at: pointer, depth: depth) else { return }
            append(members, at: pointer, depth: depth + 1)
        }
    }

    private mutating func append(_ value: Double, at pointer: String) {
        guard value.isFinite else {
            fail(pointer, "is not a finite number: JSON has no other")
            return
        }
        // The shortest digits that read back as the same number.
        text.append(contentsOf: value.description.utf8)
    }

    private mutating func append(_ elements: [Argument], at pointer: String, depth: Int) {
        text.append(json: "[")
        for (index, element) in elements.enumerated() {
            if index > 0 { text.append(json: ",") }
            append(element, at: "\(pointer)/\(index)", depth: depth)
        }
        text.append(json: "]")
    }

    private mutating func append(_ members: [Argument.Member], at pointer: String, depth: Int) {
        // By bytes, as JSON compares keys: strings that Unicode calls equal are different keys.
        var keys = Set<[UInt8]>(minimumCapacity: members.count)
        text.append(json: "{")
        for (index, member) in members.enumerated() {
            let place = "\(pointer)/\(member.key.jsonPointerToken)"
            if !keys.insert(Array(member.key.utf8)).inserted { fail(place, "is there twice") }
            if index > 0 { text.append(json: ",") }
            append(key: member.key, at: place)
            append(member.value, at: place, depth: depth)
        }
        text.append(json: "}")
    }

    private mutating func append(json: [UInt8], marksBytes: Bool, at pointer: String, depth: Int) {
        do throws(JSONError) {
            let root = try JSONDocument(parsing: json, maximumDepth: Self.maximumDepth - depth).root
            // Where bytes may be, placeholders have to be looked for, too.
            if isBinary {
                append(root, marksBytes: marksBytes, at: pointer)
            } else {
                text.append(json: root.text)
            }
        } catch {
            switch error.kind {
            case .invalid, .empty, .trailing: fail(pointer, "is not JSON: \(error.detail)")
            case .duplicateKey: fail(pointer, error.detail)
            case .tooDeep: fail(pointer, Self.tooDeep)
            }
        }
    }

    private mutating func isNestable(at pointer: String, depth: Int) -> Bool {
        if depth < Self.maximumDepth { return true }
        fail(pointer, Self.tooDeep)
        return false
    }

    private static let tooDeep = "more than \(maximumDepth) levels of arrays and objects"
}

extension Emit {
    /// Encodes the event's arguments.
    ///
    /// - Throws: ``EmitError/invalid(_:)`` with the index and, after a colon, the JSON Pointer of what cannot be sent.
    public mutating func setArguments(_ values: [Argument]) throws(EmitError) {
        var writer = ArgumentWriter(isBinary: values.contains(where: \.isBinary))
        var faults: [CommandFault] = []
        for (index, value) in values.enumerated() {
            let known = writer.faults.count
            if index > 0 { writer.text.append(json: ",") }
            writer.append(value)
            faults += writer.faults[known...].map { fault in
                let place = fault.pointer.isEmpty ? "" : "\(fault.pointer): "
                return CommandFault(CommandField("arguments", index: index), place + fault.detail)
            }
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        arguments = JSONText(verbatim: writer.text[...])
        isBinary = writer.isBinary
        attachments = writer.attachments
    }
}
