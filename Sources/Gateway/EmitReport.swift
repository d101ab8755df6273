internal import AMQPBridge
internal import JSON

/// What `emit` says at its end: one line, and an exit status for scripts.
struct EmitReport: Equatable {
    enum Status: Int32, CaseIterable {
        case confirmed = 0
        case notPublished = 1
        /// Confirmed, but nobody was there.
        case unrouted = 3
        case unknown = 4
        /// sysexits.h: EX_USAGE
        case invalid = 64
    }

    let status: Status
    let text: String

    /// Whether the text is for standard output.
    var isReceipt: Bool { status == .confirmed || status == .unrouted }

    static func invalid(_ text: String) -> EmitReport { EmitReport(status: .invalid, text: text) }

    static func notPublished(_ text: String) -> EmitReport { EmitReport(status: .notPublished, text: text) }
}

extension EmitReport {
    /// The same JSON as over HTTP.
    init(_ receipt: Receipt) {
        let routed = receipt.routed.map(String.init) ?? "null"
        self.init(
            status: receipt.routed == false ? .unrouted : .confirmed,
            text: "{\"id\":\"\(receipt.id)\",\"status\":\"confirmed\",\"routed\":\(routed)}")
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
    /// In the words of the command line.
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

    /// Which one, where an option may be repeated.
    private var value: String { field.index.map { " (\($0 + 1))" } ?? "" }
}

extension String {
    /// Whether whoever wrote this probably meant text.
    fileprivate var isBareWord: Bool {
        guard let first = unicodeScalars.first else { return true }
        return first.properties.isAlphabetic && !["true", "false", "null"].contains(self)
    }
}
