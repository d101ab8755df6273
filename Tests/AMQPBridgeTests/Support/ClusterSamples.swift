import JSON
import Testing

@testable import AMQPBridge

/// What a server sends.
func serverText(_ uid: String, _ kind: ClusterMessage.Kind, _ data: String, namespace: String = "/") -> String {
    "{\"uid\":\"\(uid)\",\"nsp\":\"\(namespace)\",\"type\":\(kind.rawValue),\"data\":\(data)}"
}

/// A server's message, read.
func serverMessage(_ uid: String, _ kind: ClusterMessage.Kind, _ data: String) throws -> ServerMessage {
    try #require(ServerMessage(Array(serverText(uid, kind, data).utf8)))
}

func heartbeatText(_ uid: String, _ members: String = "\"namespaces\":[\"/\"]") -> String {
    "{\"uid\":\"\(uid)\",\"type\":2,\(members)}"
}

func heartbeat(_ uid: String, _ members: String = "\"namespaces\":[\"/\"]") throws -> ServerMessage {
    try #require(ServerMessage(Array(heartbeatText(uid, members).utf8)))
}

extension JSONText {
    var string: String { String(decoding: bytes, as: UTF8.self) }
}

extension ServerTally {
    /// All of them have answered.
    static func all(_ count: Int) -> ServerTally { ServerTally(expected: count, responded: count, missing: []) }
}

/// The default answer of a server that knows nothing of ours: a few sockets, whole.
func socketsText(_ ids: String..., rooms: String = "[]") -> String {
    "{\"sockets\":[" + ids.map { "{\"id\":\"\($0)\",\"rooms\":\(rooms),\"data\":{}}" }.joined(separator: ",") + "]}"
}
