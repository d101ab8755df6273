internal import JSON
package import SettingTypes

/// socket.io-amqp0, version 5.0.2 and later (observed: 7.0.2 with socket.io 4.8.3).
///
/// A direct exchange; every server has one queue bound with `broadcast` and one per room (a socket's id is a room). The
/// routing key is the room, the body the packet and the rooms to leave out. Flags are not on this wire.
public struct AMQP0: WireFormat {
    public static let name = "amqp0"

    /// The adapter's `exchangeName`; `{namespace}` in it stands for the emit's namespace.
    public let exchange: String
    /// The namespaces that the servers serve. All namespaces of one exchange share its queues, so an emit would reach
    /// any of them: more than one needs `{namespace}` in ``exchange``.
    public let namespaces: [String]
    private let hasPlaceholder: Bool

    public let knowsRecipients = true
    /// Observed with 7.0.2: a socket that joins a number ends the adapter's channel, for amqplib takes only strings as
    /// routing keys.
    public let numberRooms = NumberRooms.none

    public init(exchange: String = Self.defaultExchange, namespaces: [String] = ["/"]) {
        self.exchange = exchange
        self.namespaces = namespaces
        hasPlaceholder = exchange.contains(Self.placeholder)
    }

    public static let defaultExchange = "socket.io"

    /// Stands for the emit's namespace in the name of the exchange.
    public static let placeholder = "{namespace}"
    private static let everyone = "broadcast"
    /// The most bytes of names that the messages of one emit may list together, which grow with the square of its
    /// rooms.
    static let mostListedBytes = 16 << 20

    /// Every server binds `broadcast`, and a room only while one of its sockets is in it.
    public func unroutedReason(of publications: [Publication], _ servers: NamespaceServers) -> UnroutedReason {
        if servers.lackNamespace { return .noNamespace }
        return publications[0].routingKey == Self.everyone ? .noServer : .noMember
    }

    public var exchanges: [ServerExchange] {
        namespaces.compactMap { try? exchange(for: $0) }.withoutDuplicates.map {
            ServerExchange(name: $0, kind: .direct)
        }
    }

    public func messageCount(for emit: Emit) -> Int {
        emit.rooms.count > 1 ? emit.rooms.withoutDuplicates.count : 1
    }

    public func publications(for emit: Emit) throws(NotExpressible) -> [Publication] { Array(try messages(for: emit)) }

    public func messages(for emit: Emit) throws(NotExpressible) -> Publications {
        guard namespaces.contains(emit.namespace) else {
            throw NotExpressible(
                CommandField("namespace"),
                "socket.io-amqp0 servers share one exchange among all namespaces, so only configured ones can be emitted to: "
                    + namespaces.joined(separator: ", "))
        }
        if let index = emit.rooms.firstIndex(of: .name(Self.everyone)) {
            throw NotExpressible(
                CommandField("rooms", index: index),
                "a room named 'broadcast' would reach every client of a socket.io-amqp0 server")
        }
        if emit.isBinary {
            throw NotExpressible(
                CommandField("binary"),
                "clients of socket.io-amqp0 servers would receive a JSON object instead of bytes")
        }
        let exchange = try exchange(for: emit.namespace)
        if let fault = numberFault(emit.rooms, in: "rooms") ?? numberFault(emit.except, in: "except") {
            throw NotExpressible(fault)
        }
        let exceptsNobody = emit.except.isEmpty && emit.exceptSockets.isEmpty
        let except = exceptsNobody ? [] : (emit.except.map(\.text) + emit.exceptSockets).withoutDuplicates
        guard emit.rooms.count > 1 else {
            let body = Self.body(emit, except: except)
            let key = emit.rooms.first?.text ?? Self.everyone
            return Publications(Publication(exchange: exchange, routingKey: key, body: body))
        }
        let rooms = emit.rooms.map(\.text).withoutDuplicates
        let listed = Self.listedBytes(rooms, except)
        guard listed <= Self.mostListedBytes else {
            throw NotExpressible(
                CommandField("rooms"),
                "socket.io-amqp0 servers take a message for each room, with the rooms before it: the names alone would be "
                    + "\(listed) bytes, at most \(Self.mostListedBytes) are allowed; name fewer rooms in an emit")
        }
        // One message for each room, each leaving out the rooms before it: every socket receives the event once. The
        // adapter's own way, one message with a `CC` header, has a socket in two of the rooms receive it twice.
        return Publications(
            rooms.indices.map { index in
                let body = Self.body(emit, except: except + rooms[..<index])
                return Publication(exchange: exchange, routingKey: rooms[index], body: body)
            })
    }

    /// The bytes of the names that the messages to these rooms leave out, with their quotes and commas.
    private static func listedBytes(_ rooms: [String], _ except: [String]) -> Int {
        let own = except.reduce(0) { $0 + $1.utf8.count + 3 } * rooms.count
        return rooms.indices.reduce(own) { $0 + (rooms[$1].utf8.count + 3) * (rooms.count - 1 - $1) }
    }

    private func exchange(for namespace: String) throws(NotExpressible) -> String {
        guard hasPlaceholder else { return exchange }
        let name = exchange.replacingPlaceholder(Self.placeholder, with: namespace)
        guard name.utf8.count <= Publication.maximumNameBytes else {
            throw NotExpressible(CommandField("namespace"), "the name of its exchange would exceed 255 bytes")
        }
        return name
    }

    private static func body(_ emit: Emit, except: [String]) -> [UInt8] {
        // Memory for 64 bytes around them, and for the quotes and commas of names.
        let names = except.reduce(0) { $0 + $1.utf8.count + 3 }
        return JSONWriter.bytes(capacity: emit.arguments.bytes.count + emit.event.utf8.count + names + 64) { json in
            json.object { json in
                json.eventPacket(of: emit)
                json.member("except", except)
            }
        }
    }
}

extension AMQP0: ConfiguredFormat {
    package static let settings = [exchangeSetting.setting, namespacesSetting.setting]

    private static let exchangeSetting = SettingRow(
        "GATEWAY_AMQP0_EXCHANGE", "amqp0.exchange", .exchangeName, default: defaultExchange,
        help: "amqp0: the adapter's exchangeName; may contain \(placeholder).")
    private static let namespacesSetting = SettingRow(
        "GATEWAY_AMQP0_NAMESPACES", "amqp0.namespaces", .namespaces, default: "/",
        help:
            "amqp0: the namespaces served; more than one needs \(placeholder) in the exchange, and more on the servers."
    )

    package init<Reader: SettingReader>(_ reader: Reader) throws(Reader.Failure) {
        self.init(
            exchange: try reader.read(Self.exchangeSetting), namespaces: try reader.read(Self.namespacesSetting))
        guard namespaces.count == 1 || hasPlaceholder else {
            let (namespaces, exchange) = (Self.namespacesSetting.setting, Self.exchangeSetting.setting)
            throw reader.failure(
                "\(reader.name(of: namespaces)) has several namespaces, so \(reader.name(of: exchange)) must contain "
                    + "\(Self.placeholder): on one exchange an emit reaches any of them")
        }
    }

    package var caution: String? {
        guard namespaces.count > 1 else { return nil }
        return "socket.io-amqp0 names its queues without the namespace: on the servers each namespace needs an "
            + "exchangeName (as configured here) and a queuePrefix of its own, or they take each other's events"
    }
}

extension String {
    /// The text with every `placeholder` replaced. (Foundation has this; this module does without Foundation.)
    func replacingPlaceholder(_ placeholder: String, with replacement: String) -> String {
        split(separator: placeholder, omittingEmptySubsequences: false).joined(separator: replacement)
    }
}
