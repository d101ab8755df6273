internal import Routes

/// The way in at a listening socket: the routes that are served there, and with TLS or without.
struct Entrance: Sendable, Equatable {
    var door = Door.only
    /// Whether it takes TLS.
    var isEncrypted = false
    /// Whether it is a Unix socket, where all clients have one address.
    var isUnix = false
}
