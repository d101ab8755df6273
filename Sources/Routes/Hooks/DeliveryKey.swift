internal import Hashing

/// A delivery as the store knows it: a digest, so that all take the same room however long their ids are.
struct DeliveryKey: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// - Parameter parts: whose delivery it is, and its id.
    init(_ parts: String...) {
        var hash = SHA256()
        for part in parts { hash.update(Array("\(part.utf8.count):\(part)".utf8)) }
        let digest = hash.finish()
        high = digest[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
