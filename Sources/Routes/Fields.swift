internal import AMQPBridge
internal import JSON

/// The fields of a request, from its query or from the object in its body: read one by one, with everything that is wrong
/// told at once. A field that nobody has read is one that does not exist.
struct Fields {
    private enum Source {
        case query([String: [String]])
        case body([String: JSONValue])
    }

    private static let mostGlobs = 100
    static let mostGlobBytes = 1_024

    private let source: Source
    private let names: [String]
    /// The fields that were asked for: a few.
    private var known: [String] = []
    private var faults = FaultList()
    /// The request's name of a field, if it is another one.
    private var spellings: [String: String] = [:]

    init(query text: String) throws(Problem) {
        let query = try Query(text)
        source = .query(Dictionary(grouping: query.parameters, by: \.name).mapValues { $0.map(\.value) })
        names = query.parameters.map(\.name)
    }

    init(body: [UInt8]) throws(Problem) {
        let document = try JSONDocument(delivered: body)
        guard document.root.kind == .object else {
            throw Problem(.invalidRequest, at: [.init("", "must be an object")])
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
        var list = faults
        list.add(place(name, detail, index: index))
        faults = list
    }

    mutating func fail(_ faults: [CommandFault]) {
        for fault in faults { fail(fault.field.name, fault.detail, index: fault.field.index) }
    }

    private func place(_ name: String, _ detail: String, index: Int?) -> Problem.Place {
        let name = spellings[name] ?? name
        switch source {
        case .body: return Problem.Place("/\(name)" + (index.map { "/\($0)" } ?? ""), detail)
        case .query(let values):
            // One by itself needs no number.
            let isOneOfMany = values[name].map { $0.count > 1 } ?? false
            let number = isOneOfMany ? index.map { " (value \($0 + 1))" } ?? "" : ""
            return Problem.Place(.query(name), detail + number)
        }
    }

    /// - Throws: when there is anything beyond the caller's reach; where that stands, in terms of the request.
    func check(_ caller: Caller, _ places: (Reach) -> [Problem.Place]) throws(Problem) {
        try caller.check { reach in places(reach).map(asSent) }
    }

    /// A place in a command as a place in the request that it was read from.
    private func asSent(_ place: Problem.Place) -> Problem.Place {
        guard let tokens = place.pointer?.split(separator: "/"), let name = tokens.first else { return place }
        return self.place(String(name), place.detail, index: tokens.count > 1 ? Int(tokens[1]) : nil)
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

    /// Words of a few. In a query they come again and again, or with commas between them; in a body as an array, or as one text with commas.
    ///
    /// - Parameter expected: those that are known, for who sends another one.
    mutating func words(_ name: String, _ expected: String, isKnown: (String) -> Bool) -> [String]? {
        let texts: [String]?
        var isList = true
        switch source {
        case .query(let values):
            known.append(name)
            texts = values[name]
        case .body(let members):
            isList = members[name]?.kind == .array
            texts = list(name, of: "strings", "a string", \.string)
        }
        var words: [String] = []
        for (index, text) in (texts ?? []).enumerated() {
            for word in text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
                words.append(word)
                if !isKnown(word) { fail(name, "must be \(expected)", index: isList ? index : nil) }
            }
        }
        return texts == nil ? nil : words
    }

    /// The elements of an array in the body, or a single one by itself.
    private mutating func list<Element>(
        _ name: String, of elements: String, _ expected: String, _ convert: (JSONValue) -> Element?
    ) -> [Element]? {
        known.append(name)
        guard case .body(let members) = source, let value = members[name] else { return nil }
        guard value.kind == .array else {
            if let element = convert(value) { return [element] }
            fail(name, "must be an array of \(elements), or one of them by itself")
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
    ///
    /// - Parameters:
    ///   - parameter: the name of one of them in a query, where it may come again and again.
    ///   - alias: another name for the same.
    mutating func roomNames(
        _ name: String, parameter: String, alias: String? = nil, allowsNone: Bool = false
    ) -> [RoomName]? {
        let own: String
        switch source {
        case .query: own = parameter
        case .body: own = name
        }
        known.append(own)
        if let alias {
            known.append(alias)
            if has(alias) {
                if has(own) { fail(alias, "is another name for '\(own)': not both") }
                spellings[name] = alias
                return roomNames(alias, parameter: alias, allowsNone: allowsNone)
            }
        }
        spellings[name] = own
        let names: [RoomName]?
        switch source {
        case .query(let values): names = values[own]?.map { .name($0) }
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

    /// The values of a query's parameter that may come again and again. None: it is not there.
    private mutating func values(_ name: String) -> [String] {
        known.append(name)
        guard case .query(let parameters) = source else { return [] }
        let values = parameters[name] ?? []
        if values.count > Self.mostNames { fail(name, "at most \(Self.mostNames) of them") }
        return values
    }

    /// Names of rooms or events, or globs for them.
    ///
    /// - Parameter bytes: the most of all of them together.
    mutating func globs(_ name: String, bytes: Int = mostGlobBytes) -> [String] {
        let globs = texts(name, bytes: bytes)
        fail(CommandFault.names(globs.map { .name($0) }, name))
        return globs
    }

    /// Texts that each entry of a stream is compared with.
    mutating func texts(_ name: String, bytes: Int = mostGlobBytes) -> [String] {
        let texts = values(name)
        checkSizes(name, texts, bytes: bytes)
        return texts
    }

    /// - Parameter kind: which of all that were sent these are.
    private mutating func checkSizes(
        _ name: String, _ texts: [String], _ kind: String? = nil, bytes: Int = mostGlobBytes
    ) {
        if texts.count > Self.mostGlobs || texts.reduce(0, { $0 + $1.utf8.count }) > bytes {
            fail(name, "at most \(Self.mostGlobs) of them\(kind.map { " \($0)" } ?? ""), and \(bytes) bytes together")
        }
    }

    /// Namespaces, or globs for them, of which any will do.
    mutating func namespaceGlobs(_ name: String) -> [String] {
        let namespaces = values(name)
        checkSizes(name, namespaces.filter { $0.contains("*") }, "with *")
        for (index, namespace) in namespaces.enumerated() {
            // A star at the beginning stands for the slash, too.
            let isOpen = namespace.utf8.first == UInt8(ascii: "*")
            let named = isOpen ? "/" + String(namespace.unicodeScalars.dropFirst()) : namespace
            if let fault = CommandFault(namespace: named) { fail(name, fault.detail, index: index) }
        }
        return namespaces
    }

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
        return (binary.text, binary.attachments)
    }

    /// `ack`; `nil` when no answers are wanted.
    mutating func acknowledgement(hasMode: Bool) -> AcknowledgementRequest? {
        known.append("ack")
        guard case .body(let members) = source, let value = members["ack"] else { return nil }
        return value.look { AcknowledgementRequest($0, hasMode: hasMode) { faults.add($0) } }
    }

    mutating func timeout(default milliseconds: Duration) -> Duration {
        integer("timeoutMs", in: Self.timeouts).map { .milliseconds($0) } ?? milliseconds
    }

    static let timeouts = 1...60_000

    /// Ends the reading.
    ///
    /// - Throws: when anything was wrong, or there are fields that nobody has read.
    mutating func finish() throws(Problem) {
        var list = faults
        for name in names where !known.contains(name) { list.add(unknown(name)) }
        guard list.isEmpty else { throw list.problem(.invalidRequest) }
    }

    private func unknown(_ name: String) -> Problem.Place {
        switch source {
        case .body: .unknown(name, among: known.sorted())
        case .query:
            Problem.Place(
                .query(String(String.UnicodeScalarView(name.unicodeScalars.prefix(64)))),
                "no such parameter" + Suggestion.of(known.sorted(), for: name, quote: "`"))
        }
    }

    private mutating func read<Value>(
        _ name: String, _ expected: @autoclosure () -> String, _ text: (String) -> Value?, _ json: (JSONValue) -> Value?
    ) -> Value? {
        known.append(name)
        let value: Value?
        switch source {
        case .query(let parameters):
            guard let texts = parameters[name] else { return nil }
            value = texts.count == 1 ? text(texts[0]) : nil
        case .body(let members):
            guard let member = members[name] else { return nil }
            value = json(member)
        }
        if value == nil { fail(name, "must be \(expected())") }
        return value
    }
}
