public import Hashing

/// A key as it is kept: its hash. A key is random, so that nothing slower than SHA-256 is needed.
public struct APIKey: Sendable {
    let digest: SHA256.Digest
    /// Seconds since 1970; from then on it opens nothing. `nil`: never.
    let expires: Int?
    let caller: Caller

    public init(digest: SHA256.Digest, expires: Int? = nil, caller: Caller) {
        self.digest = digest
        self.expires = expires
        self.caller = caller
    }
}
