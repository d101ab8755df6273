internal import AMQPBridge
internal import JSON

/// Reads an emit out of a request body. Types and unknown fields are checked here, meanings by the bridge.
struct EmitDecoder {
    private var event: String?
    private var emit = Emit(event: "")
    private var wanted = Wanted()
    private var hasArgs = false
    private var hasData = false
    /// `args` or `data`, for when it contains bytes.
    private var arguments: JSONValue?
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
    ///   - wanted: becomes the answer that its caller waits for.
    static func decode(
        _ body: [UInt8], trace: TraceContext? = nil, _ wanted: inout Wanted
    ) throws(Problem) -> Emit {
        try decode(body, in: body.textRange, .whole, trace, &wanted)
    }

    /// - Parameters:
    ///   - range: where in `body` the item stands.
    ///   - part: what it is there.
    ///   - wanted: becomes the answer that its caller waits for.
    static func decode(
        item range: Range<Int>, of body: [UInt8], as part: BodyPart, _ wanted: inout Wanted
    ) throws(Problem) -> Emit {
        try decode(body, in: range, part, nil, &wanted)
    }

    private static func decode(
        _ body: [UInt8], in range: Range<Int>, _ part: BodyPart, _ trace: TraceContext?, _ wanted: inout Wanted
    ) throws(Problem) -> Emit {
        let document = try JSONDocument(body, in: range, part)
        let root = document.root
        guard root.kind == .object else {
            throw Problem(.invalidRequest, at: [.init("", "must be an object")])
        }
        var decoder = EmitDecoder(part)
        decoder.emit.trace = trace
        root.forEachNamedMember { key, value in decoder.read(key, value) }
        let emit = try decoder.finish()
        wanted = decoder.wanted
        return emit
    }

    private mutating func read(_ key: JSONKey, _ value: JSONValue) {
        switch key {
        case "namespace": read(value, key, \.string, "a string") { $0.emit.namespace = $1 }
        case "event": read(value, key, \.string, "a string") { $0.event = $1 }
        case "args":
            read(value, key, \.elementsText, "an array") { $0.emit.arguments = $1 }
            hasArgs = true
            arguments = value
        case "data":
            emit.arguments = value.text
            hasData = true
            arguments = value
        case "rooms":
            emit.rooms = rooms(value, key)
            if value.kind == .array, value.count == 0 {
                fail("/rooms", "an empty list reaches nobody; leave it out to reach everyone")
            }
        case "except": emit.except = rooms(value, key)
        case "exceptSockets": emit.exceptSockets = list(value, key, of: "strings", "a string", \.string)
        case "volatile": read(value, key, \.boolean, "a boolean") { $0.emit.isVolatile = $1 }
        case "compress": read(value, key, \.boolean, "a boolean") { $0.emit.isCompressed = $1 }
        case "binary": read(value, key, \.boolean, "a boolean") { $0.emit.isBinary = $1 }
        case "confirm":
            read(value, key, \.confirmation, "\"broker\" or \"none\"") { $0.wanted.confirmation = $1 }
        case "dryRun": read(value, key, \.boolean, "a boolean") { $0.wanted.isDryRun = $1 }
        case "op" where part != .whole:
            if value.string != "emit" { fail("/op", "must be \"emit\"") }
        case "ack" where part != .whole: fail("/ack", "not in a batch: post the emit by itself")
        case "ack":
            wanted.acknowledgement = AcknowledgementRequest(value, hasMode: true) { faults.add($0) }
        default: faults.add(.unknown(key.text, among: Self.fields, words: Self.words))
        }
    }

    /// Ends the reading; there is no emit in it any more then.
    private mutating func finish() throws(Problem) -> Emit {
        if hasArgs, hasData { fail("/data", "is one argument, args is a list of them: one or the other") }
        if let event {
            emit.event = event
        } else if !faults.places.contains(where: { $0.pointer == "/event" }) {
            fail("/event", "is required")
        }
        if part != .whole, wanted.confirmation == .none {
            fail("/confirm", "a batch is answered when the broker has confirmed it")
        }
        if wanted.acknowledgement != nil, wanted.confirmation == .none {
            fail("/confirm", "not together with ack, which waits for more")
        }
        if emit.isBinary, let arguments, faults.isEmpty { takeAttachments(arguments) }
        guard faults.isEmpty else { throw faults.problem(.invalidRequest) }
        var taken = Emit(event: "")
        swap(&taken, &emit)
        return taken
    }

    private mutating func takeAttachments(_ value: JSONValue) {
        let binary =
            hasArgs ? BinaryArguments(elementsOf: value, at: "/args") : BinaryArguments(value, at: "/data")
        for fault in binary.faults { fail(fault.pointer, fault.detail) }
        emit.arguments = binary.text
        emit.attachments = binary.attachments
    }

    private mutating func read<Value>(
        _ value: JSONValue, _ key: JSONKey, _ convert: (JSONValue) -> Value?, _ expected: String,
        _ store: (inout EmitDecoder, Value) -> Void
    ) {
        if let converted = convert(value) {
            store(&self, converted)
        } else {
            fail("/\(key.text)", "must be \(expected)")
        }
    }

    private mutating func rooms(_ value: JSONValue, _ key: JSONKey) -> [RoomName] {
        list(value, key, of: "strings and integers", RoomName.expectation, RoomName.init)
    }

    private mutating func list<Element>(
        _ value: JSONValue, _ key: JSONKey, of elements: String, _ expected: String, _ convert: (JSONValue) -> Element?
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
                fail("/\(key.text)/\(index)", "must be \(expected)")
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

extension JSONValue {
    fileprivate var confirmation: Confirmation? { string.flatMap { Confirmation(rawValue: $0) } }
}
