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
    let data: JSONText

    /// Whether nobody needs to take it up when its time is over.
    var expires: Bool { isRead || kind == .broadcast }

    func body(id: String) -> [UInt8] {
        ClusterMessage.write(kind, namespace: namespace) { json in
            json.member("requestId", id)
            json.members(verbatim: data)
        }
    }

    /// What makes two reads the same.
    struct Key: Hashable {
        let includesLost: Bool
        let isBehindNumber: Bool
        /// As bytes: strings that Unicode calls equal are different namespaces.
        let namespace: [UInt8]
        let timeout: Duration
        let data: ArraySlice<UInt8>
    }

    var key: Key? {
        guard isRead else { return nil }
        return Key(
            includesLost: includesLost, isBehindNumber: isBehindNumber, namespace: Array(namespace.utf8),
            timeout: timeout, data: data.bytes)
    }

    private init(
        _ kind: ClusterMessage.Kind, _ namespace: String, isRead: Bool, timeout: Duration, _ gathering: any Gathering,
        _ write: (inout JSONObjectWriter) -> Void
    ) {
        self.kind = kind
        self.namespace = namespace
        self.isRead = isRead
        self.timeout = timeout
        self.gathering = gathering
        data = JSONText.members(write)
    }
}

extension Question {
    /// - Parameter includesLost: whether servers that have fallen silent, and may come back, are to answer, too.
    init(_ command: FetchSockets, includesLost: Bool = false, timeout: Duration) {
        let gathering = SocketGathering(command)
        self.init(.fetchSockets, command.selection.namespace, isRead: true, timeout: timeout, gathering) { json in
            json.options(command.selection)
            json.member("fields", command.fields.map(\.rawValue))
            json.member("after", ifPresent: command.after)
            // One more says whether there is another page.
            json.member("limit", command.limit + 1)
            json.member("numbers", true)
        }
        self.includesLost = includesLost
        if command.selection.namesNumbers { features.append(.numbers) }
    }

    init(_ command: ListRooms, timeout: Duration) {
        let gathering = RoomGathering(command)
        let isBehindNumber = command.after?.isNumber == true
        self.init(.fetchSockets, command.namespace, isRead: true, timeout: timeout, gathering) { json in
            json.options(SocketSelection(namespace: command.namespace))
            json.member("fields", ["rooms"])
            json.member("count", true)
            json.object("list") { list in
                list.member("prefix", command.prefix)
                // As text, which servers without ``ServerFeature/numbers`` take, too. Others then tell of the number itself again.
                list.member("after", ifPresent: command.after?.text)
                list.member("limit", command.limit + (isBehindNumber ? 2 : 1))
                list.member("private", command.includesPrivate)
            }
            json.member("numbers", true)
        }
        self.isBehindNumber = isBehindNumber
    }

    init(_ command: CountSockets, timeout: Duration) {
        let gathering = CountGathering(command)
        self.init(.fetchSockets, command.namespace, isRead: true, timeout: timeout, gathering) { json in
            json.options(SocketSelection(namespace: command.namespace))
            json.member("fields", ["rooms"])
            json.member("count", true)
            json.member("rooms", command.rooms.withoutDuplicates)
            json.member("numbers", true)
        }
        if command.rooms.nameNumbers { features.append(.numbers) }
    }

    /// How many sockets are selected.
    init(counting selection: SocketSelection, timeout: Duration) {
        self.init(.fetchSockets, selection.namespace, isRead: true, timeout: timeout, SelectionGathering()) { json in
            json.options(selection)
            json.list("fields") { _ in }
            json.member("count", true)
            json.member("numbers", true)
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
            json.options(command.selection)
            switch command.change {
            case .join(let rooms), .leave(let rooms): json.member("rooms", rooms.withoutDuplicates)
            case .disconnect(let close): json.member("close", close)
            }
        }
        trace = command.trace
        if command.namesNumbers { features.append(.numbers) }
    }

    init(_ command: ServerSideEmit, timeout: Duration) {
        let gathering = ServerResponseGathering()
        self.init(.serverSideEmit, command.namespace, isRead: false, timeout: timeout, gathering) { json in
            json.packet(of: command)
        }
        trace = command.trace
    }

    /// An emit that clients acknowledge.
    init(_ emit: Emit, mode: AcknowledgementMode, timeout: Duration) {
        let gathering = AcknowledgementGathering(mode)
        self.init(.broadcast, emit.namespace, isRead: false, timeout: timeout, gathering) { json in
            json.packet(of: emit, timeout: timeout)
        }
        features.append(.acks)
        trace = emit.trace
        if emit.namesNumbers { features.append(.numbers) }
    }
}

extension JSONObjectWriter {
    /// Writes `"packet":[event,…]` and the attachments.
    mutating func packet(of command: ServerSideEmit) {
        list("packet") { json in
            json.element(command.event)
            json.elements(verbatim: command.arguments)
        }
        attachments(command.attachments)
    }

    /// Writes `"packet":{…},"opts":{…}` and the attachments. Flags that have their default are left out: `volatile: false`
    /// would count as volatile (observed, socket.io-adapter 2.5.8).
    ///
    /// - Parameter timeout: of the acknowledgements, if any are wanted.
    mutating func packet(of emit: Emit, timeout: Duration?) {
        eventPacket(of: emit)
        let selection = SocketSelection(
            namespace: emit.namespace, rooms: emit.rooms,
            except: emit.except + emit.exceptSockets.map { .name($0) })
        options(selection) { flags in
            if emit.isVolatile { flags.member("volatile", true) }
            if !emit.isCompressed { flags.member("compress", false) }
            flags.member("timeout", ifPresent: timeout?.wholeMilliseconds)
        }
        attachments(emit.attachments)
    }

    /// Writes `"packet":{"type":2,"data":[event,…]}`; 2 is EVENT in Socket.IO's protocol, revision 5.
    mutating func eventPacket(of emit: Emit) {
        object("packet") { packet in
            packet.member("type", 2)
            packet.list("data") { json in
                json.element(emit.event)
                json.elements(verbatim: emit.arguments)
            }
        }
    }

    private mutating func attachments(_ attachments: [String]) {
        if !attachments.isEmpty { member("attachments", attachments) }
    }
}

extension Duration {
    var wholeMilliseconds: Int { Int(nanoseconds / 1_000_000) }
}
