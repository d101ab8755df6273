package import JSON

/// An event for the servers themselves.
package struct ServerSideEmit: Sendable, Equatable {
    package var namespace: String
    package var event: String
    /// The elements of a JSON array as they were written, without its brackets.
    package var arguments: JSONText
    /// The bytes for the placeholders `{"_placeholder":true,"num":n}` in ``arguments``, in base64.
    package var attachments: [String] = []
    /// Goes with the message to the broker; `nil`: no trace.
    package var trace: TraceContext?

    package init(namespace: String = "/", event: String, arguments: JSONText = .empty) {
        self.namespace = namespace
        self.event = event
        self.arguments = arguments
    }
}

package struct ServerResponse: Sendable, Equatable {
    package let server: String
    /// A JSON value; `null` if the server gave none.
    package let value: JSONText
}

extension ServerSideEmit: ClusterCommand {
    package func question(timeout: Duration) -> Question<[ServerResponse]> {
        Question(
            .serverSideEmit, namespace, isRead: false, timeout: timeout, trace: trace, ServerResponseGathering()
        ) { json in
            json.packet(of: self)
        }
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
}

final class ServerResponseGathering: Gathering {
    private(set) var result: [ServerResponse] = []
    private(set) var heldBytes = 0
    let isBounded = false

    func take(_ answer: ServerMessage) -> GatheringProgress {
        guard answer.kind == .serverSideEmitResponse, let data = answer.dataMembers else { return .ignored }
        // A server without a listener has answered, and has no value.
        guard data["handled"]?.boolean != false else { return .done }
        var value = JSONText(verbatim: Array("null".utf8)[...])
        if let packet = data["packet"] {
            guard let text = packet.replacingPlaceholders(by: data["attachments"]) else { return .ignored }
            value = text
        }
        result.append(ServerResponse(server: answer.uid, value: value))
        heldBytes += value.heldBytes
        return .done
    }
}
