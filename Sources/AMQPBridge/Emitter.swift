/// What an emit's caller learns when the broker has confirmed it.
public struct Receipt: Sendable, Equatable {
    /// A ULID.
    public let id: String
    /// Whether the broker had anybody to give it to; `nil`: this wire format, or not waiting, cannot tell.
    public let routed: Bool?

    public init(id: String, routed: Bool?) {
        self.id = id
        self.routed = routed
    }
}

/// Why an emit failed. Whether nothing was published, ``PublishError`` says.
public enum EmitError: Error, Sendable, Equatable {
    /// The command is wrong under any wire format.
    case invalid([CommandFault])
    /// The configured servers cannot do it.
    case notExpressible(CommandFault)
    case notPublished(PublishError)
}

/// When an emit is answered.
public enum Confirmation: String, Sendable, CaseIterable {
    /// When the broker has confirmed it.
    case broker
    /// As soon as it is taken; the outcome stays untold.
    case none
}

/// Emits events to the clients of Socket.IO servers.
public protocol EmitService: AnyObject, Sendable {
    func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt
}

/// Turns commands into publications on one event loop's broker connection.
///
/// `@unchecked Sendable`: used on its loop's thread only, by tasks that prefer the loop as their executor.
public final class Emitter: EmitService, @unchecked Sendable {
    private let wireFormat: any WireFormat
    private let link: BrokerLink
    private let limits: CommandLimits
    private var identifiers = ULIDGenerator()

    public init(wireFormat: any WireFormat, link: BrokerLink, limits: CommandLimits = CommandLimits()) {
        self.wireFormat = wireFormat
        self.link = link
        self.limits = limits
    }

    public func emit(_ emit: Emit, confirmation: Confirmation) async throws(EmitError) -> Receipt {
        let publications = try publications(for: emit)
        let id = identifiers.next()
        do throws(PublishError) {
            switch confirmation {
            case .none:
                try link.publishUnconfirmed(publications)
                return Receipt(id: id, routed: nil)
            case .broker:
                let routed = try await link.publish(publications)
                // A fanout's queue need not have a server behind it; no queue at all has none for certain.
                return Receipt(id: id, routed: routed && !wireFormat.knowsRecipients ? nil : routed)
            }
        } catch {
            throw .notPublished(error)
        }
    }

    private func publications(for emit: Emit) throws(EmitError) -> [Publication] {
        let faults = emit.faults(limits: limits)
        guard faults.isEmpty else { throw .invalid(faults) }
        // Before they are made: a large emit to many rooms would take all of that memory only to be refused.
        let bytes = emit.arguments.bytes.count * wireFormat.messageCount(for: emit)
        guard bytes <= link.largestEmit else {
            throw .notPublished(.tooLarge(bytes: bytes, limit: link.largestEmit))
        }
        do throws(NotExpressible) {
            return try wireFormat.publications(for: emit)
        } catch {
            throw .notExpressible(error.fault)
        }
    }
}
