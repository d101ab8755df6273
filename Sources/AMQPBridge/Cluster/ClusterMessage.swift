internal import JSON

/// The messages of Socket.IO's cluster protocol (recorded: socket.io-adapter 2.5.8) with what docs/cluster-protocol.md
/// adds to it.
enum ClusterMessage {
    enum Kind: Int {
        case initialHeartbeat = 1
        case heartbeat = 2
        case broadcast = 3
        case socketsJoin = 4
        case socketsLeave = 5
        case disconnectSockets = 6
        case fetchSockets = 7
        case fetchSocketsResponse = 8
        case serverSideEmit = 9
        case serverSideEmitResponse = 10
        case broadcastClientCount = 11
        case broadcastAck = 12
        case adapterClose = 13
        case events = 20
        case eventsWanted = 21
    }

    /// Any other uid is taken for a server: the others would count it, and wait for it.
    static let gateway = "emitter"

    /// Writes a message. `data` writes the members of its `data`.
    static func write(
        _ kind: Kind, namespace: String?, data: ((inout JSONObjectWriter) -> Void)? = nil
    ) -> [UInt8] {
        JSONWriter.bytes(capacity: 256) { json in
            json.object { json in
                json.member("uid", plain: "emitter")
                json.member("nsp", ifPresent: namespace)
                json.member("type", kind.rawValue)
                if let data { json.object("data", data) }
            }
        }
    }
}

/// A message of a server, read as far as every kind of it is alike.
struct ServerMessage {
    let uid: String
    let kind: ClusterMessage.Kind
    /// `data`, an object; `nil` if there is none.
    let data: CheckedJSON?
    /// The members of `data`; `nil` if there is none.
    let dataMembers: CheckedJSON.Members?
    let members: CheckedJSON.Members
    /// The length of the message, in bytes.
    let size: Int

    /// `nil` for anything that is not a message of a server.
    init?(_ bytes: [UInt8]) {
        guard let text = try? ServerText(bytes) else { return nil }
        self.init(text)
    }

    /// `nil` for anything that is not a message of a server.
    init?(_ text: ServerText) {
        let members = text.root.members
        guard let uid = members["uid"]?.string, !uid.isEmpty, uid != ClusterMessage.gateway,
            let kind = members["type"]?.integer.flatMap({ ClusterMessage.Kind(rawValue: $0) })
        else { return nil }
        self.uid = uid
        self.kind = kind
        self.members = members
        data = members["data"]
        dataMembers = data?.members
        size = text.root.span.count
    }
}

extension ServerMessage {
    /// Whether it stands for an answer that was too large to be sent.
    var isTooLarge: Bool {
        switch kind {
        case .fetchSocketsResponse, .serverSideEmitResponse, .broadcastClientCount, .broadcastAck: break
        default: return false
        }
        return dataMembers?["error"]?.string == "too_large"
    }
}

extension JSONObjectWriter {
    /// Writes a socket selection as `"opts":{…}`, with flags as an object.
    mutating func options(_ selection: SocketSelection, flags: (inout JSONObjectWriter) -> Void = { _ in }) {
        object("opts") { json in
            json.member("rooms", selection.rooms.withoutDuplicates)
            json.member("except", selection.except.withoutDuplicates)
            json.object("flags", flags)
        }
        member("id", ifPresent: selection.id)
    }
}
