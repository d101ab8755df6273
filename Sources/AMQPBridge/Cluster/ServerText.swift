internal import JSON
internal import Logging

/// A text that a server sends, checked.
///
/// Clients choose strings, and servers pass them on: one that no parser takes must not cost the others. So a text that
/// is no JSON is repaired, once.
struct ServerText {
    /// The longest text, in bytes: the longest message that RabbitMQ takes since version 4 (`max_message_size`).
    static let maximumBytes = 16 << 20
    /// Deeper ones are repaired: data of applications may be deeper than what the gateway takes from its callers.
    static let maximumDepth = 256
    /// The depth that survives a repair.
    private static let repairedDepth = 200

    let root: CheckedJSON
    /// The fault that was repaired; `nil`: there was none.
    let fault: JSONError?

    /// - Parameter outlines: of the texts that came before.
    /// - Throws: the reason why it is no JSON, if it cannot be repaired.
    init(_ bytes: [UInt8], known outlines: KnownOutlines? = nil) throws(JSONError) {
        let fault: JSONError
        do throws(JSONError) {
            root = try CheckedJSON(checking: bytes, maximumDepth: Self.maximumDepth, known: outlines)
            self.fault = nil
            return
        } catch {
            fault = error
        }
        guard
            let repaired = JSONRepair.repaired(
                bytes, maximumDepth: Self.repairedDepth, maximumBytes: Self.maximumBytes),
            let root = try? CheckedJSON(checking: repaired, maximumDepth: Self.maximumDepth)
        else { throw fault }
        self.root = root
        self.fault = fault
    }
}

/// The warning to log of a message that was not as it should be.
struct ClusterWarning: Equatable {
    enum Outcome: String {
        /// The message was taken, but for parts that had to be replaced.
        case repaired
        case ignored
    }

    let outcome: Outcome
    /// The uid of the server that has sent it, if that can be told.
    let server: String?
    let namespace: String?
    let reason: String
    let bytes: Int

    /// A warning of a message that was not taken. Its sender is read as far as it can be.
    init(ignored body: [UInt8], reason: String) {
        outcome = .ignored
        let members = CheckedJSON(unchecked: body).members
        server = members["uid"]?.string.map(Self.shortened)
        namespace = (members["nsp"] ?? members["namespace"])?.string.map(Self.shortened)
        self.reason = reason
        bytes = body.count
    }

    init(_ outcome: Outcome, server: String?, namespace: String?, reason: String, bytes: Int) {
        self.outcome = outcome
        self.server = server.map(Self.shortened)
        self.namespace = namespace.map(Self.shortened)
        self.reason = reason
        self.bytes = bytes
    }

    /// What servers say is for the log no longer than this.
    static func shortened(_ name: String) -> String { String(name.unicodeScalars.prefix(100)) }
}

extension ServerMessage {
    /// Reads a message, and says what is to be logged of it.
    static func read(_ body: [UInt8], known outlines: KnownOutlines? = nil) -> (ServerMessage?, ClusterWarning?) {
        let text: ServerText
        do throws(JSONError) {
            text = try ServerText(body, known: outlines)
        } catch {
            return (nil, ClusterWarning(ignored: body, reason: error.detail))
        }
        guard let message = ServerMessage(text) else {
            return (nil, ClusterWarning(ignored: body, reason: "not a message of a server"))
        }
        let warning = text.fault.map { fault in
            ClusterWarning(
                .repaired, server: message.uid, namespace: message.members["nsp"]?.string, reason: fault.detail,
                bytes: body.count)
        }
        return (message, warning)
    }
}

extension Logger {
    func warning(_ warning: ClusterWarning) {
        var metadata: Metadata = ["bytes": "\(warning.bytes)", "reason": "\(warning.reason)"]
        if let server = warning.server { metadata["server"] = "\(server)" }
        if let namespace = warning.namespace { metadata["namespace"] = "\(namespace)" }
        self.warning("\(warning.outcome.rawValue) a message of the cluster", metadata: metadata)
    }
}
