internal import AMQPBridge
internal import JSON

/// Reads an emit out of a request body. Types and unknown fields are checked here, meanings by the bridge.
struct EmitDecoder {
    private var wanted = Wanted()
    private var hasEvent = false
    private var hasArgs = false
    private var hasData = false
    private var faults = FaultList()
    private let part: BodyPart

    static let fields = [
        "namespace", "event", "args", "data", "rooms", "except", "exceptSockets", "volatile", "compress", "binary",
        "confirm", "ack", "dryRun",
    ]

    /// As clients, servers' libraries and other emitters call them.
    private static let words = [
        "to": "rooms", "in": "rooms", "channel": "rooms", "message": "data", "payload": "data", "body": "data",
        "name": "event", "type": "event", "nsp": "namespace",
    ]

    /// The answer that the caller of an emit waits for. Apart from the emit, which is large to copy.
    struct Wanted {
        fileprivate(set) var confirmation = Confirmation.broker
        fileprivate(set) var acknowledgement: AcknowledgementRequest?
        /// Whether the emit is only to be checked.
        fileprivate(set) var isDryRun = false
    }

    private init(_ part: BodyPart) {
        self.part = part
    }

    /// - Parameters:
    ///   - trace: the request's.
    ///   - outlines: of the bodies that came before.
    ///   - wanted: becomes the answer that its caller waits for.
    static func decode(
        _ body: [UInt8], trace: TraceContext? = nil, known outlines: KnownOutlines? = nil, _ wanted: inout Wanted
    ) throws(Problem) -> Emit {
        var emit = Emit(event: "")
        try decode(body, in: body.textRange, .whole, trace, outlines, &emit, &wanted)
        return emit
    }

    /// - Parameters:
    ///   - range: where in `body` the item stands.
    ///   - part: what it is there.
    ///   - outlines: of the items that came before.
    ///   - wanted: becomes the answer that its caller waits for.
    static func decode(
        item range: Range<Int>, of body: [UInt8], as part: BodyPart, known outlines: KnownOutlines? = nil,
        _ wanted: inout Wanted
    ) throws(Problem) -> Emit {
        var emit = Emit(event: "")
        try decode(body, in: range, part, nil, outlines, &emit, &wanted)
        return emit
    }

    /// - Parameter emit: gets what is read. Its owner changes no field of it, so that it can be moved out, not copied.
    @inline(never)
    private static func decode(
        _ body: [UInt8], in range: Range<Int>, _ part: BodyPart, _ trace: TraceContext?, _ outlines: KnownOutlines?,
        _ emit: inout Emit, _ wanted: inout Wanted
    ) throws(Problem) {
        emit.trace = trace
        let json = try ParsedJSON(body, in: range, part, known: outlines)
        var decoder = EmitDecoder(part)
        try json.withRoot { root throws(Problem) in
            guard root.kind == .object else {
                throw Problem(.invalidRequest, at: [.init("", "must be an object")])
            }
            root.forEachMember { key, value in decoder.read(key, value, in: body, into: &emit) }
        }
        try decoder.finish(json, &emit)
        wanted = decoder.wanted
    }

    /// - Parameter body: where the value stands.
    private mutating func read(
        _ key: JSONKey, _ value: borrowing JSONView, in body: [UInt8], into emit: inout Emit
    ) {
        switch key {
        case "namespace":
            if let namespace = string(value, key) { emit.namespace = namespace }
        case "event":
            hasEvent = true
            if let event = string(value, key) { emit.event = event }
        case "args":
            hasArgs = true
            if let arguments = read(value, key, "an array", { $0.elementsText(in: body) }) {
                emit.arguments = arguments
            }
        case "data":
            hasData = true
            emit.arguments = value.text(in: body)
        case "rooms":
            emit.rooms = rooms(value, key)
            if value.kind == .array, value.count == 0 {
                fail("/rooms", "an empty list reaches nobody; leave it out to reach everyone")
            }
        case "except": emit.except = rooms(value, key)
        case "exceptSockets": emit.exceptSockets = list(value, key, of: "strings", "a string") { $0.string }
        case "volatile":
            if let isVolatile = boolean(value, key) { emit.isVolatile = isVolatile }
        case "compress":
            if let isCompressed = boolean(value, key) { emit.isCompressed = isCompressed }
        case "binary":
            if let isBinary = boolean(value, key) { emit.isBinary = isBinary }
        case "confirm":
            let confirmation = read(value, key, "\"broker\" or \"none\"") { $0.confirmation }
            if let confirmation { wanted.confirmation = confirmation }
        case "dryRun":
            if let isDryRun = boolean(value, key) { wanted.isDryRun = isDryRun }
        case "op" where part != .whole:
            if value.string != "emit" { fail("/op", "must be \"emit\"") }
        case "ack" where part != .whole: fail("/ack", "not in a batch: post the emit by itself")
        case "ack":
            wanted.acknowledgement = AcknowledgementRequest(value, hasMode: true) { faults.add($0) }
        default: faults.add(.unknown(key.text, among: Self.fields, words: Self.words))
        }
    }

    /// Ends the reading.
    ///
    /// - Parameter json: what was read.
    private mutating func finish(_ json: consuming ParsedJSON, _ emit: inout Emit) throws(Problem) {
        if hasArgs, hasData { fail("/data", "is one argument, args is a list of them: one or the other") }
        // One that is there and no string has been told already.
        if !hasEvent { fail("/event", "is required") }
        if part != .whole, wanted.confirmation == .none {
            fail("/confirm", "a batch is answered when the broker has confirmed it")
        }
        if wanted.acknowledgement != nil, wanted.confirmation == .none {
            fail("/confirm", "not together with ack, which waits for more")
        }
        if emit.isBinary, hasArgs || hasData, faults.isEmpty { takeAttachments(JSONDocument(json).root, &emit) }
        guard faults.isEmpty else { throw faults.problem(.invalidRequest) }
    }

    private mutating func takeAttachments(_ root: JSONValue, _ emit: inout Emit) {
        guard let arguments = root.member(hasArgs ? "args" : "data") else { return }
        let binary =
            hasArgs ? BinaryArguments(elementsOf: arguments, at: "/args") : BinaryArguments(arguments, at: "/data")
        for fault in binary.faults { fail(fault.pointer, fault.detail) }
        emit.arguments = binary.text
        emit.attachments = binary.attachments
    }

    private mutating func string(_ value: borrowing JSONView, _ key: JSONKey) -> String? {
        read(value, key, "a string") { $0.string }
    }

    private mutating func boolean(_ value: borrowing JSONView, _ key: JSONKey) -> Bool? {
        read(value, key, "a boolean") { $0.boolean }
    }

    private mutating func read<Value>(
        _ value: borrowing JSONView, _ key: JSONKey, _ expected: String, _ convert: (borrowing JSONView) -> Value?
    ) -> Value? {
        let converted = convert(value)
        if converted == nil { fail("/\(key.text)", "must be \(expected)") }
        return converted
    }

    private mutating func rooms(_ value: borrowing JSONView, _ key: JSONKey) -> [RoomName] {
        list(value, key, of: "strings and integers", RoomName.expectation) { RoomName($0) }
    }

    private mutating func list<Element>(
        _ value: borrowing JSONView, _ key: JSONKey, of elements: String, _ expected: @autoclosure () -> String,
        _ convert: (borrowing JSONView) -> Element?
    ) -> [Element] {
        guard value.kind == .array else {
            if let element = convert(value) { return [element] }
            fail("/\(key.text)", "must be an array of \(elements), or one of them by itself")
            return []
        }
        var list: [Element] = []
        list.reserveCapacity(value.count)
        value.forEachElement { index, value in
            if let element = convert(value) {
                list.append(element)
            } else {
                fail("/\(key.text)/\(index)", "must be \(expected())")
            }
        }
        return list
    }

    private mutating func fail(_ pointer: String, _ detail: String) {
        faults.add(Problem.Place(pointer, detail))
    }
}

extension RoomName {
    /// The forms that a room may have in a body.
    static let expectation =
        "a string, or an integer (digits alone, and at most \(numbers.upperBound) either way)"
}

extension JSONView {
    fileprivate var confirmation: Confirmation? { string.flatMap { Confirmation(rawValue: $0) } }
}
