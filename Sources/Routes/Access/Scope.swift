/// What a key can be allowed to do.
public enum Scope: String, Sendable, CaseIterable {
    case emit
    case readSockets = "sockets:read"
    /// To see headers, address and query of clients' handshakes, too.
    case readHandshakes = "sockets:handshake"
    case disconnectSockets = "sockets:disconnect"
    case readRooms = "rooms:read"
    /// To let sockets join and leave.
    case writeRooms = "rooms:write"
    case readServers = "servers:read"
    case emitToServers = "servers:emit"
    /// To read `/metrics`, where that is not open to all.
    case metrics
    /// To read the gateway's settings, hooks and keys, without secrets.
    case readConfiguration = "config:read"
}
