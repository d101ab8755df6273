internal import JSON

/// Something that all servers of a namespace are asked, and what gathers their answers.
struct Question {
    let namespace: String
    let kind: ClusterMessage.Kind
    /// Whether it changes nothing: then nobody needs to carry it out when its time is over, and one that is under way already
    /// answers the same question of somebody else.
    let isRead: Bool
    let timeout: Duration
    let gathering: any Gathering
    /// Whether servers that have fallen silent are to answer as well.
    var includesLost = false
    /// Whether a list of rooms begins behind a number: it asks servers the same as one behind the number's digits, and takes
    /// something else of their answers.
    private var isBehindNumber = false
    /// What a server must be able to do, lest it do something else.
    private(set) var features: [ServerFeature] = []
    /// Where who asks stands in a trace. Never with a read, whose answer may be for several.
    private(set) var trace: TraceContext?
    /// The members of `data`, but for the request id.
    let data: [UInt8]

    /// Whether nobody needs to take it up when its time is over.
    var expires: Bool { isRead || kind == .broadcast }

    func body(id: String) -> [UInt8] {
        ClusterMessage.write(kind, namespace: namespace) { json in
            json.append(json: "\"requestId\":")
            json.append(jsonString: id)
            json.append(json: ",")
            json.append(contentsOf: data)
        }
    }

    /// What makes two reads the same.
    struct Key: Hashable {
        let includesLost: Bool
        let isBehindNumber: Bool
        /// As bytes: strings that Unicode calls equal are different namespaces.
        let namespace: [UInt8]
        let timeout: Duration
        let data: [UInt8]
    }

    var key: Key? {
        guard isRead else { return nil }
        return Key(
            includesLost: includesLost, isBehindNumber: isBehindNumber, namespace: Array(namespace.utf8),
            timeout: timeout, data: data)
    }

    private init(
        _ kind: ClusterMessage.Kind, _ namespace: String, isRead: Bool, timeout: Duration, _ gathering: any Gathering,
        _ write: (inout [UInt8]) -> Void
    ) {
        self.kind = kind
        self.namespace = namespace
        self.isRead = isRead
        self.timeout = timeout
        self.gathering = gathering
        var data: [UInt8] = []
        write(&data)
        self.data = data
    }
}

extension Question {
    /// - Parameter includesLost: whether servers that have fallen silent, and may come back, are to answer, too.
    init(_ command: FetchSockets, includesLost: Bool = false, timeout: Duration) {
        let gathering = SocketGathering(command)
        self.init(.fetchSockets, command.selection.namespace, isRead: true, timeout: timeout, gathering) { json in
            json.append(options: command.selection)
            json.append(json: ",\"fields\":")
            json.append(jsonStrings: command.fields.map(\.rawValue))
            json.append(member: "after", command.after)
            // One more says whether there is another page.
            json.append(member: "limit", command.limit + 1)
            json.append(json: ",\"numbers\":true")
        }
        self.includesLost = includesLost
        if command.selection.namesNumbers { features.append(.numbers) }
    }

    init(_ command: ListRooms, timeout: Duration) {
        let gathering = RoomGathering(command)
        let isBehindNumber = command.after?.isNumber == true
        self.init(.fetchSockets, command.namespace, isRead: true, timeout: timeout, gathering) { json in
            json.append(options: SocketSelection(namespace: command.namespace))
            json.append(json: ",\"fields\":[\"rooms\"],\"count\":true,\"list\":{\"prefix\":")
            json.append(jsonString: command.prefix)
            // As text, which servers without ``ServerFeature/numbers`` take, too. Others then tell of the number itself again.
            json.append(member: "after", command.after?.text)
            json.append(member: "limit", command.limit + (isBehindNumber ? 2 : 1))
            json.append(json: command.includesPrivate ? ",\"private\":true}" : ",\"private\":false}")
            json.append(json: ",\"numbers\":true")
        }
        self.isBehindNumber = isBehindNumber
    }

    init(_ command: CountSockets, timeout: Duration) {
        let gathering = CountGathering(command)
        self.init(.fetchSockets, command.namespace, isRead: true, timeout: timeout, gathering) { json in
            json.append(options: SocketSelection(namespace: command.namespace))
            json.append(json: ",\"fields\":[\"rooms\"],\"count\":true,\"rooms\":")
            json.append(rooms: command.rooms.withoutDuplicates)
            json.append(json: ",\"numbers\":true")
        }
        if command.rooms.nameNumbers { features.append(.numbers) }
    }

    /// How many sockets are selected.
    init(counting selection: SocketSelection, timeout: Duration) {
        self.init(.fetchSockets, selection.namespace, isRead: true, timeout: timeout, SelectionGathering()) { json in
            json.append(options: selection)
            json.append(json: ",\"fields\":[],\"count\":true,\"numbers\":true")
        }
        if selection.namesNumbers { features.append(.numbers) }
    }

    init(_ command: ChangeSockets, timeout: Duration) {
        let kind: ClusterMessage.Kind =
            switch command.change {
            case .join: .socketsJoin
            case .leave: .socketsLeave
            case .disconnect: .disconnectSockets
            }
        self.init(kind, command.selection.namespace, isRead: false, timeout: timeout, MatchGathering()) { json in
            json.append(options: command.selection)
            switch command.change {
            case .join(let rooms), .leave(let rooms):
                json.append(json: ",\"rooms\":")
                json.append(rooms: rooms.withoutDuplicates)
            case .disconnect(let close): json.append(json: close ? ",\"close\":true" : ",\"close\":false")
            }
        }
        trace = command.trace
        if command.namesNumbers { features.append(.numbers) }
    }

    init(_ command: ServerSideEmit, timeout: Duration) {
        let gathering = ServerResponseGathering()
        self.init(.serverSideEmit, command.namespace, isRead: false, timeout: timeout, gathering) { json in
            json.append(packetOf: command)
        }
        trace = command.trace
    }

    /// An emit that clients acknowledge.
    init(_ emit: Emit, mode: AcknowledgementMode, timeout: Duration) {
        let gathering = AcknowledgementGathering(mode)
        self.init(.broadcast, emit.namespace, isRead: false, timeout: timeout, gathering) { json in
            json.append(packetOf: emit, timeout: timeout)
        }
        features.append(.acks)
        trace = emit.trace
        if emit.namesNumbers { features.append(.numbers) }
    }
}

extension [UInt8] {
    /// Appends `"packet":[event,…]` and the attachments.
    mutating func append(packetOf command: ServerSideEmit) {
        append(json: "\"packet\":[")
        append(jsonString: command.event)
        if !command.arguments.isEmpty {
            append(json: ",")
            append(json: command.arguments)
        }
        append(json: "]")
        append(attachments: command.attachments)
    }

    /// Appends `"packet":{…},"opts":{…}` and the attachments. Flags that have their default are left out: `volatile: false`
    /// would count as volatile (observed, socket.io-adapter 2.5.8).
    ///
    /// - Parameter timeout: of the acknowledgements, if any are wanted.
    mutating func append(packetOf emit: Emit, timeout: Duration?) {
        append(json: "\"packet\":{\"type\":2,\"data\":[")
        append(jsonString: emit.event)
        if !emit.arguments.isEmpty {
            append(json: ",")
            append(json: emit.arguments)
        }
        append(json: "]},")
        let selection = SocketSelection(
            namespace: emit.namespace, rooms: emit.rooms,
            except: emit.except + emit.exceptSockets.map { .name($0) })
        append(options: selection) { json in
            var flags: [String] = []
            if emit.isVolatile { flags.append("\"volatile\":true") }
            if !emit.isCompressed { flags.append("\"compress\":false") }
            if let timeout { flags.append("\"timeout\":\(timeout.wholeMilliseconds)") }
            json.append(contentsOf: flags.joined(separator: ",").utf8)
        }
        append(attachments: emit.attachments)
    }

    private mutating func append(attachments: [String]) {
        guard !attachments.isEmpty else { return }
        append(json: ",\"attachments\":")
        append(jsonStrings: attachments)
    }
}

extension Duration {
    var wholeMilliseconds: Int { Int(nanoseconds / 1_000_000) }
}
