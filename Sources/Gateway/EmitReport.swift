internal import AMQPBridge
internal import JSON
internal import Routes

/// The report of `emit` at its end: one line, and an exit status for scripts.
struct EmitReport: Equatable {
    enum Status: Int32, CaseIterable {
        case confirmed = 0
        case notPublished = 1
        /// Confirmed, but the event had no receiver.
        case unrouted = 3
        case unknown = 4
        /// sysexits.h: EX_USAGE
        case invalid = 64
    }

    let status: Status
    let text: String
    /// A note beside a receipt, for standard error.
    var note: String?

    /// Whether the text is for standard output.
    var isReceipt: Bool { status == .confirmed || status == .unrouted }

    static func invalid(_ text: String) -> EmitReport { EmitReport(status: .invalid, text: text) }

    static func notPublished(_ text: String) -> EmitReport { EmitReport(status: .notPublished, text: text) }
}

extension EmitReport {
    /// The report of a receipt, with the same JSON as over HTTP.
    ///
    /// - Parameter destination: where it was published; asked for if it had no receiver.
    init(_ receipt: Receipt, _ destination: @autoclosure () -> Destination) {
        let json = JSONWriter.bytes { json in json.object { $0.receipt(receipt, status: "confirmed") } }
        self.init(
            status: receipt.routed == false ? .unrouted : .confirmed,
            text: String(decoding: json, as: UTF8.self),
            note: receipt.reason.map { "\($0.rawValue): \(destination().absence($0))" })
    }

    /// The place where an event was published.
    struct Destination {
        let exchange: String
        let virtualHost: String
        let wireFormat: String

        fileprivate func absence(_ reason: UnroutedReason) -> String {
            let place = "'\(exchange)' in the virtual host '\(virtualHost)' (wire format \(wireFormat))"
            return switch reason {
            case .noExchange: "there is no exchange \(place)"
            case .noServer: "no server takes this event from the exchange \(place)"
            case .noMember: "no server has a socket in one of the rooms, at the exchange \(place)"
            case .noNamespace: "no server has the namespace, at the exchange \(place)"
            }
        }
    }

    /// - Parameter arguments: the event's, as they stood on the command line.
    init(_ error: EmitError, arguments: [String]) {
        switch error {
        case .invalid(let faults):
            self = .invalid(faults.map { $0.text(arguments: arguments) }.joined(separator: "; "))
        case .notExpressible(let fault): self = .invalid(fault.text(arguments: arguments))
        case .notPublished(.unknown), .notPublished(.brokerNack):
            self.init(status: .unknown, text: error.description)
        case .notPublished, .notAsked, .exceptionsUnknown: self = .notPublished(error.description)
        }
    }
}

extension CommandFault {
    /// The fault in the words of the command line.
    fileprivate func text(arguments: [String]) -> String {
        switch field.name {
        case "arguments":
            guard let index = field.index else { return "arguments: \(detail)" }
            let hint = arguments[index].isBareWord ? " (text needs quotes of its own: '\"text\"')" : ""
            return "argument \(index + 1): \(detail)\(hint)"
        case "rooms": return "--room\(value): \(detail)"
        case "exceptSockets": return "--except-socket\(value): \(detail)"
        default: return "\(field.name == "event" ? "EVENT" : "--\(field.name)")\(value): \(detail)"
        }
    }

    /// The number of the value, where an option may be repeated.
    private var value: String { field.index.map { " (\($0 + 1))" } ?? "" }
}

extension String {
    /// Whether this was probably meant as text.
    fileprivate var isBareWord: Bool {
        guard let first = unicodeScalars.first else { return true }
        return first.properties.isAlphabetic && !["true", "false", "null"].contains(self)
    }
}
