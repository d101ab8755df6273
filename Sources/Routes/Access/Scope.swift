/// A right that a key can have.
package enum Scope: String, Sendable, CaseIterable {
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
    /// To hear who comes and goes.
    case readEvents = "events:read"
    /// To watch what goes through the gateway.
    case tail
    /// To see payloads there, too.
    case readPayloads = "tail:payload"
    /// To read `/metrics`, where that is not open to all.
    case metrics
    /// To read the gateway's settings, hooks and keys, without secrets.
    case readConfiguration = "config:read"

    /// A place of its own in a word of bits: comparing names would cost an emit hundreds of instructions.
    var bit: UInt32 {
        switch self {
        case .emit: 1 << 0
        case .readSockets: 1 << 1
        case .readHandshakes: 1 << 2
        case .disconnectSockets: 1 << 3
        case .readRooms: 1 << 4
        case .writeRooms: 1 << 5
        case .readServers: 1 << 6
        case .emitToServers: 1 << 7
        case .metrics: 1 << 8
        case .readConfiguration: 1 << 9
        case .readEvents: 1 << 10
        case .tail: 1 << 11
        case .readPayloads: 1 << 12
        }
    }
}
