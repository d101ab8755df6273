internal import JSON

extension ArgumentWriter {
    /// The most arrays and objects of an argument that may be open at once; servers parse recursively.
    static let maximumDepth = 64

    /// - Parameters:
    ///   - pointer: where the value stands in its argument, for faults.
    ///   - depth: the number of arrays and objects that are open around it.
    mutating func write(_ argument: Argument, at pointer: String = "", depth: Int = 0, to json: inout JSONWriter) {
        switch argument {
        case .null: json.null()
        case .bool(let value): json.boolean(value)
        case .int(let value): json.integer(value)
        case .double(let value): write(value, at: pointer, to: &json)
        case .string(let value): json.string(value)
        case .bytes(let bytes): write(attachment: Base64.encode(bytes), to: &json)
        case .encoded(let text, let binary):
            write(text, marksBytes: binary, at: pointer, depth: depth, to: &json)
        case .array where depth >= Self.maximumDepth, .object where depth >= Self.maximumDepth:
            fail(pointer, Self.tooDeep, writingTo: &json)
        case .array(let elements): write(elements, at: pointer, depth: depth + 1, to: &json)
        case .object(let members): write(members, at: pointer, depth: depth + 1, to: &json)
        }
    }

    private mutating func write(_ value: Double, at pointer: String, to json: inout JSONWriter) {
        guard value.isFinite else {
            return fail(pointer, "is not a finite number: JSON has no other", writingTo: &json)
        }
        // The shortest digits that read back as the same number.
        json.verbatim { $0.append(contentsOf: value.description.utf8) }
    }

    private mutating func write(
        _ elements: [Argument], at pointer: String, depth: Int, to json: inout JSONWriter
    ) {
        json.list { list in
            for (index, element) in elements.enumerated() {
                list.element { write(element, at: "\(pointer)/\(index)", depth: depth, to: &$0) }
            }
        }
    }

    private mutating func write(
        _ members: [Argument.Member], at pointer: String, depth: Int, to json: inout JSONWriter
    ) {
        // By bytes, as JSON compares keys: strings that Unicode calls equal are different keys.
        var keys = Set<[UInt8]>(minimumCapacity: members.count)
        json.object { object in
            for member in members {
                let place = "\(pointer)/\(member.key.jsonPointerToken)"
                if !keys.insert(Array(member.key.utf8)).inserted { fail(place, "is there twice") }
                check(key: member.key, at: place)
                object.member(named: member.key) { write(member.value, at: place, depth: depth, to: &$0) }
            }
        }
    }

    private mutating func write(
        _ text: [UInt8], marksBytes: Bool, at pointer: String, depth: Int, to json: inout JSONWriter
    ) {
        do throws(JSONError) {
            let root = try JSONDocument(parsing: text, maximumDepth: Self.maximumDepth - depth).root
            // Where bytes may be, placeholders have to be looked for, too.
            if isBinary {
                write(root, marksBytes: marksBytes, at: pointer, to: &json)
            } else {
                json.verbatim(root.text)
            }
        } catch {
            let detail =
                switch error.kind {
                case .invalid, .empty, .trailing: "is not JSON: \(error.detail)"
                case .duplicateKey: error.detail
                case .tooDeep: Self.tooDeep
                }
            fail(pointer, detail, writingTo: &json)
        }
    }

    private static let tooDeep = "more than \(maximumDepth) levels of arrays and objects"
}

extension Emit {
    /// Encodes the event's arguments.
    ///
    /// - Throws: ``EmitError/invalid(_:)`` with the index and, after a colon, the JSON Pointer of what cannot be sent.
    package mutating func setArguments(_ values: [Argument]) throws(EmitError) {
        var writer = ArgumentWriter(isBinary: values.contains(where: \.isBinary))
        var faults: [CommandFault] = []
        let text = JSONText.elements { list in
            for (index, value) in values.enumerated() {
                let known = writer.faults.count
                list.element { writer.write(value, to: &$0) }
                faults += writer.faults[known...].map { fault in
                    let place = fault.pointer.isEmpty ? "" : "\(fault.pointer): "
                    return CommandFault(CommandField("arguments", index: index), place + fault.detail)
                }
            }
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        arguments = text
        isBinary = writer.isBinary
        attachments = writer.attachments
    }
}
