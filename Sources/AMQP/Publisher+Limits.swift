extension Publisher {
    struct Limits: Sendable, Equatable {
        /// The time that a publication may wait for its confirm.
        var confirmTimeout: Duration = .seconds(5)
        /// The most bytes that may wait to be sent or confirmed.
        var pendingBytes = 32 << 20
        /// The most that one emit may take of it.
        var largestEmit: Int { pendingBytes / 2 }
    }
}
