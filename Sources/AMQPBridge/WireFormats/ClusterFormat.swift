package import SettingTypes

/// Socket.IO's own cluster protocol over AMQP, for servers with our Node adapter, or any other with a responder
/// (docs/cluster-protocol.md).
///
/// A direct exchange. Every server has a queue for each namespace, bound with the namespace, and either with `#static`
/// behind it or with each of its rooms. RabbitMQ puts a message into a queue at most once: a union of rooms arrives
/// once, and servers that subscribe either way may be mixed.
public struct ClusterFormat: WireFormat {
    public static let name = "cluster"

    public let exchange: String
    public let knowsRecipients = true
    public let numberRooms = NumberRooms.announced

    public static let defaultExchange = "socket.io.cluster"

    public init(exchange: String = Self.defaultExchange) {
        self.exchange = exchange
    }

    public var exchanges: [ServerExchange] { [ServerExchange(name: exchange, kind: .direct)] }

    public func publications(for emit: Emit) throws(NotExpressible) -> [Publication] { [publication(for: emit)] }

    public func messages(for emit: Emit) throws(NotExpressible) -> Publications { Publications(publication(for: emit)) }

    private func publication(for emit: Emit) -> Publication {
        let keys = Self.routingKeys(for: emit)
        let body = ClusterMessage.write(.broadcast, namespace: emit.namespace) { json in
            json.packet(of: emit, timeout: nil)
        }
        return Publication(exchange: exchange, routingKey: keys[0], carbonCopies: Array(keys[1...]), body: body)
    }

    /// A server that is there has bound its namespaces, and rooms one by one if it is in mode `dynamic`.
    public func unroutedReason(of publications: [Publication], _ servers: NamespaceServers) -> UnroutedReason {
        if servers.lackNamespace { return .noNamespace }
        // One in the other mode would have taken it: those have gone, and not been missed yet.
        return servers.dynamic > 0 && !publications[0].carbonCopies.isEmpty ? .noMember : .noServer
    }

    /// The most bytes of further keys: a content header has to fit into one frame, whose size the broker chooses.
    private static let mostCopiedBytes = 32 << 10

    /// The namespace's own key reaches all of its servers, which is always right; the rooms' keys reach fewer.
    static func routingKeys(for emit: Emit) -> [String] {
        let rooms = emit.rooms.withoutDuplicates
        let everyone = [emit.namespace]
        // A socket's id is a room that no server binds.
        guard !rooms.isEmpty, !rooms.contains(where: \.isSocketID) else { return everyone }
        // Servers bind a number under its digits.
        let keys = (rooms.map { "\(emit.namespace)#room#\($0.text)" } + ["\(emit.namespace)#static"]).withoutDuplicates
        let copied = keys.dropFirst().reduce(0) { $0 + $1.utf8.count }
        let areShort = keys.allSatisfy { $0.utf8.count <= Publication.maximumNameBytes }
        return areShort && copied <= mostCopiedBytes ? keys : everyone
    }
}

extension ClusterFormat: ConfiguredFormat {
    package static let settings = [exchangeSetting.setting]

    /// Questions go over this exchange whatever the wire format is.
    package static let exchangeSetting = SettingRow(
        "GATEWAY_CLUSTER_EXCHANGE", "cluster.exchange", .exchangeName, default: defaultExchange,
        help: "The exchange of the cluster protocol, for emits and questions; the same in the servers' companions.")

    package init<Reader: SettingReader>(_ reader: Reader) throws(Reader.Failure) {
        self.init(exchange: try reader.read(Self.exchangeSetting))
    }
}
