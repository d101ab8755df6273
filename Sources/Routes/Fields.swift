internal import AMQPBridge
internal import JSON

/// The fields of a request, from its query or from the object in its body: read one by one, with everything that is wrong
/// told at once. A field that nobody has read is one that does not exist.
struct Fields {
    private enum Source {
        case query([String: [String]])
        case body([String: JSONValue])
    }

    private let source: Source
    private let names: [String]
    private var known: Set<String> = []
    private var places: [Problem.Place] = []

    private static let mostPlaces = 20

    init(query text: String) throws(Problem) {
        let query = try Query(text)
        source = .query(Dictionary(grouping: query.parameters, by: \.name).mapValues { $0.map(\.value) })
        names = query.parameters.map(\.name)
    }

    init(body: [UInt8]) throws(Problem) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: body)
        } catch {
            throw Problem(error)
        }
        guard document.root.kind == .object else {
            throw Problem(.invalidRequest, "the body is not an object", places: [.init("", "must be an object")])
        }
        var members: [String: JSONValue] = [:]
        var names: [String] = []
        document.root.forEachMember { key, value in
            members[key] = value
            names.append(key)
        }
        source = .body(members)
        self.names = names
    }

    /// The request's own: the body's of a POST, otherwise the query's.
    init(_ request: Request) throws(Problem) {
        if request.mediaType == .json, !request.body.isEmpty || request.head.method == .post {
            try self.init(body: request.body)
        } else {
            try self.init(query: request.head.query)
        }
    }

    func has(_ name: String) -> Bool {
        switch source {
        case .query(let parameters): parameters[name] != nil
        case .body(let members): members[name] != nil
        }
    }

    mutating func fail(_ name: String, _ detail: String, index: Int? = nil) {
        let index = index.map { "/\($0)" } ?? ""
        if places.count < Self.mostPlaces { places.append(.init("/\(name)\(index)", detail)) }
    }

    mutating func fail(_ faults: [CommandFault]) {
        for fault in faults { fail(fault.field.name, fault.detail, index: fault.field.index) }
    }

    // MARK: Reading

    mutating func string(_ name: String) -> String? {
        read(name, "a string", { $0 }, \.string)
    }

    /// The cursor of a list of rooms.
    mutating func roomCursor(_ name: String) -> RoomName? {
        guard let text = string(name) else { return nil }
        guard let room = RoomName(cursor: text) else {
            fail(name, "is no nextCursor of an answer")
            return nil
        }
        return room
    }

    mutating func boolean(_ name: String) -> Bool? {
        read(name, "true or false", { $0 == "true" ? true : $0 == "false" ? false : nil }, \.boolean)
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Int? {
        read(
            name, "a whole number from \(range.lowerBound) to \(range.upperBound)",
            { Int($0).flatMap { range.contains($0) ? $0 : nil } },
            { $0.integer.flatMap { range.contains($0) ? $0 : nil } })
    }

    /// - Parameter parameter: the name of one of them in a query, where it may come again and again.
    mutating func strings(_ name: String, parameter: String) -> [String]? {
        switch source {
        case .query(let parameters):
            known.insert(parameter)
            return parameters[parameter]
        case .body: return list(name, of: "strings", "a string", \.string)
        }
    }

    /// The elements of an array in the body.
    private mutating func list<Element>(
        _ name: String, of elements: String, _ expected: String, _ convert: (JSONValue) -> Element?
    ) -> [Element]? {
        known.insert(name)
        guard case .body(let members) = source, let value = members[name] else { return nil }
        guard value.kind == .array else {
            fail(name, "must be an array of \(elements)")
            return nil
        }
        var list: [Element] = []
        value.forEachElement { index, value in
            if let element = convert(value) {
                list.append(element)
            } else {
                fail(name, "must be \(expected)", index: index)
            }
        }
        return list
    }

    /// Rooms, whose numbers only a body can tell from text, and sockets; `nil` when there is no such field.
    mutating func roomNames(_ name: String, parameter: String, allowsNone: Bool = false) -> [RoomName]? {
        let names: [RoomName]?
        switch source {
        case .query: names = strings(name, parameter: parameter)?.map { .name($0) }
        case .body: names = list(name, of: "strings and integers", RoomName.expectation, RoomName.init)
        }
        guard let names else { return nil }
        if names.isEmpty, !allowsNone { fail(name, "an empty list is nobody; leave it out, or name some") }
        if names.count > Self.mostNames { fail(name, "at most \(Self.mostNames) names") }
        fail(CommandFault.names(names, name))
        return names
    }

    /// In questions, which no message has to carry to every client.
    private static let mostNames = 1_000

    mutating func namespace() -> String {
        let namespace = string("namespace") ?? "/"
        if let fault = CommandFault(namespace: namespace) { fail([fault]) }
        return namespace
    }

    /// The elements of an array, as they were written.
    mutating func arguments(_ name: String) -> JSONText {
        read(name, "an array", { _ in nil }, \.elementsText) ?? .empty
    }

    /// The elements of an array with placeholders for the bytes in it, and the bytes in base64; see ``BinaryArguments``.
    mutating func binaryArguments(_ name: String) -> (arguments: JSONText, attachments: [String]) {
        let list = read(name, "an array", { _ in nil }, { $0.kind == .array ? $0 : nil })
        guard let binary = list.map({ BinaryArguments(elementsOf: $0, at: "/\(name)") }) else { return (.empty, []) }
        for fault in binary.faults { fail(String(fault.pointer.dropFirst()), fault.detail) }
        return (JSONText(verbatim: binary.text[...]), binary.attachments)
    }

    /// `ack`; `nil` when no answers are wanted.
    mutating func acknowledgement(hasMode: Bool) -> AcknowledgementRequest? {
        known.insert("ack")
        guard case .body(let members) = source, let value = members["ack"] else { return nil }
        var faults: [(String, String)] = []
        let request = AcknowledgementRequest(value, hasMode: hasMode) { faults.append(($0, $1)) }
        for (pointer, detail) in faults { fail(String(pointer.dropFirst()), detail) }
        return request
    }

    mutating func timeout(default milliseconds: Duration) -> Duration {
        integer("timeoutMs", in: Self.timeouts).map { .milliseconds($0) } ?? milliseconds
    }

    static let timeouts = 1...60_000

    /// Ends the reading.
    ///
    /// - Throws: when anything was wrong, or there are fields that nobody has read.
    mutating func finish() throws(Problem) {
        for name in names where !known.contains(name) { fail(Problem.Place.token(name), "no such field") }
        guard places.isEmpty else { throw Problem(.invalidRequest, "the request is not valid", places: places) }
    }

    private mutating func read<Value>(
        _ name: String, _ expected: String, _ text: (String) -> Value?, _ json: (JSONValue) -> Value?
    ) -> Value? {
        known.insert(name)
        let value: Value?
        switch source {
        case .query(let parameters):
            guard let texts = parameters[name] else { return nil }
            value = texts.count == 1 ? text(texts[0]) : nil
        case .body(let members):
            guard let member = members[name] else { return nil }
            value = json(member)
        }
        if value == nil { fail(name, "must be \(expected)") }
        return value
    }
}
