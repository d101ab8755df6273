internal import Routes

/// What is served at a listening socket, and how.
struct Entrance: Sendable, Equatable {
    var door = Door.only
    /// With TLS.
    var isEncrypted = false
    /// All who come over a Unix socket have one address.
    var isUnix = false
}
