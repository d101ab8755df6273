/// The form in which a family of Socket.IO servers expects a command on the broker.
///
/// A wire format is one type in one file with a fixture file of its own, and one line in `WireFormats.all`. All formats
/// have what is here; what the servers of some do besides is a protocol of its own (``ManagerFormat``).
public protocol WireFormat: Sendable {
    /// The name in the configuration.
    static var name: String { get }

    /// Whether "the broker gave it to a queue" means that a server wanted it. A fanout only knows that a queue exists.
    var knowsRecipients: Bool { get }

    /// The reason why an emit that no queue took had no receiver.
    ///
    /// - Parameters:
    ///   - publications: its messages, at least one.
    ///   - servers: the servers that heartbeats tell of; there may be more.
    func unroutedReason(of publications: [Publication], _ servers: NamespaceServers) -> UnroutedReason

    /// The exchanges that emits go to, for all namespaces that are configured.
    var exchanges: [ServerExchange] { get }

    /// The number of messages that ``publications(for:)`` would make of the emit, each with all of its arguments.
    func messageCount(for emit: Emit) -> Int

    /// The servers that have rooms that are numbers.
    var numberRooms: NumberRooms { get }

    /// The messages that carry out an emit, in order. Either all of them are published or none.
    ///
    /// - Parameter emit: an emit without ``Emit/faults(limits:)``.
    /// - Throws: ``NotExpressible`` when servers of this format could not do what was asked.
    func publications(for emit: Emit) throws(NotExpressible) -> [Publication]

    /// The same as ``publications(for:)``, for those who send them: a format that makes one message of nearly every
    /// emit saves the list.
    func messages(for emit: Emit) throws(NotExpressible) -> Publications
}

/// An exchange of Socket.IO servers, as they declare it.
public struct ServerExchange: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case direct, fanout
    }

    public let name: String
    public let kind: Kind
}

/// The servers of a format that have rooms that are numbers.
public enum NumberRooms: Sendable {
    /// No server: rooms that are numbers are refused.
    case none
    /// The servers that say so (``ServerFeature/numbers``); others would not understand the message.
    case announced
    case all
}

extension WireFormat {
    public func messages(for emit: Emit) throws(NotExpressible) -> Publications {
        Publications(try publications(for: emit))
    }

    public func messageCount(for emit: Emit) -> Int { 1 }
    public var numberRooms: NumberRooms { .all }

    /// The first of these rooms that is a number, where no server has such rooms; `nil`: there is none.
    ///
    /// - Parameter list: the name of the list that the rooms stand in.
    func numberFault(_ rooms: [RoomName], in list: String) -> CommandFault? {
        guard numberRooms == .none, let index = rooms.firstIndex(where: \.isNumber) else { return nil }
        let detail = "servers of this wire format have no rooms that are numbers"
        return CommandFault(CommandField(list, index: index), detail)
    }
}

/// A command that is valid but that servers of the configured wire format cannot carry out.
public struct NotExpressible: Error, Sendable, Equatable {
    public let fault: CommandFault

    init(_ field: CommandField, _ detail: String) {
        self.init(CommandFault(field, detail))
    }

    init(_ fault: CommandFault) {
        self.fault = fault
    }
}
