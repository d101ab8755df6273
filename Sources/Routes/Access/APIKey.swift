package import Hashing

/// A key as it is kept: its hash. A key is random, so that nothing slower than SHA-256 is needed.
package struct APIKey: Sendable {
    let digest: SHA256.Digest
    /// Whose it is. While keys are exchanged, several are one caller's.
    let caller: Caller
    /// When it last came.
    package let lastUse: LastUse

    package init(digest: SHA256.Digest, caller: Caller, lastUse: LastUse = LastUse()) {
        self.digest = digest
        self.caller = caller
        self.lastUse = lastUse
    }
}
