package import Hashing

/// A key as it is kept: its hash. A key is random, so that nothing slower than SHA-256 is needed.
package final class APIKey: Sendable {
    let digest: SHA256.Digest
    /// The caller that it belongs to. While keys are exchanged, several belong to one.
    let caller: Caller
    /// When it last came.
    package let lastUse: LastUse

    package init(digest: SHA256.Digest, caller: Caller, lastUse: LastUse = LastUse()) {
        self.digest = digest
        self.caller = caller
        self.lastUse = lastUse
    }
}
