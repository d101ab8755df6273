internal import JSON

/// An emit that clients acknowledge.
struct AcknowledgedEmit {
    let emit: Emit
    let mode: AcknowledgementMode

    init(_ emit: Emit, _ mode: AcknowledgementMode) {
        self.emit = emit
        self.mode = mode
    }
}

/// The number of the clients' acknowledgements that are waited for.
package enum AcknowledgementMode: String, Sendable, CaseIterable {
    case first, all
}

/// The clients' answers to an event.
struct Acknowledgements: Sendable, Equatable {
    /// The number of clients that the servers have sent it to, as far as they have said; `nil` if none has.
    let recipients: Int?
    /// The arguments of each answer: a JSON array.
    let responses: [JSONText]
}

extension AcknowledgedEmit: ClusterCommand {
    func question(timeout: Duration) -> Question<Acknowledgements> {
        Question(
            .broadcast, emit.namespace, isRead: false, timeout: timeout,
            features: emit.namesNumbers ? [.acks, .numbers] : [.acks], trace: emit.trace, AcknowledgementGathering(mode)
        ) { json in
            json.packet(of: emit, timeout: timeout)
        }
    }
}

final class AcknowledgementGathering: Gathering {
    private let mode: AcknowledgementMode
    /// For each server, the number of clients that it has sent it to, and of those that have answered.
    private var servers: [String: (clients: Int?, received: Int)] = [:]
    private var responses: [JSONText] = []
    private(set) var heldBytes = 0
    let isBounded = false

    init(_ mode: AcknowledgementMode) {
        self.mode = mode
    }

    var result: Acknowledgements {
        let told = servers.values.compactMap(\.clients)
        return Acknowledgements(recipients: told.isEmpty ? nil : told.reduce(0, +), responses: responses)
    }

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard let data = answer.dataMembers else { return .ignored }
        var server = servers[answer.uid] ?? (nil, 0)
        switch answer.kind {
        case .broadcastClientCount:
            guard let count = data["clientCount"]?.amount, server.clients == nil else { return .ignored }
            server.clients = count
        case .broadcastAck:
            // One value for each client, at most.
            if let clients = server.clients, server.received >= clients { return .ignored }
            guard let arguments = Self.arguments(data) else { return .ignored }
            server.received += 1
            responses.append(arguments)
            heldBytes += arguments.heldBytes
        default: return .ignored
        }
        servers[answer.uid] = server
        if mode == .first, !responses.isEmpty { return .finished }
        return server.clients.map { server.received >= $0 } ?? false ? .done : .partial
    }

    /// Counts an answer of a server's client that was too large; the other clients are waited for.
    func takeTooLarge(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .broadcastAck else { return .tooLarge(isLast: true) }
        var server = servers[answer.uid] ?? (nil, 0)
        if let clients = server.clients, server.received >= clients { return .ignored }
        server.received += 1
        servers[answer.uid] = server
        return .tooLarge(isLast: server.clients.map { server.received >= $0 } ?? false)
    }

    /// The arguments of an answer, all of them; members that know only the first send `packet`. Without `packet` there
    /// is no argument.
    ///
    /// - Returns: `nil` if they would be absurdly large.
    private static func arguments(_ data: CheckedJSON.Members) -> JSONText? {
        if let arguments = data["args"], arguments.kind == .array {
            return arguments.replacingPlaceholders(by: data["attachments"])
        }
        var elements = JSONText.empty
        if let packet = data["packet"] {
            guard let text = packet.replacingPlaceholders(by: data["attachments"]) else { return nil }
            elements = text
        }
        return JSONText { json in json.list { $0.elements(verbatim: elements) } }
    }
}
