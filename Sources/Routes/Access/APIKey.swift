package import Hashing
internal import Synchronization

/// A key as it is kept: its hash. A key is random, so that nothing slower than SHA-256 is needed.
package final class APIKey: Sendable {
    let digest: SHA256.Digest
    /// The caller that it belongs to. While keys are exchanged, several belong to one.
    let caller: Caller
    /// When it last came.
    package let lastUse: LastUse
    /// The second in which this object has told ``lastUse``, which event loops share, for the last time.
    private let told = Atomic<Int>(0)

    package init(digest: SHA256.Digest, caller: Caller, lastUse: LastUse = LastUse()) {
        self.digest = digest
        self.caller = caller
        self.lastUse = lastUse
    }

    /// - Parameter now: seconds since 1970.
    func noteUse(_ now: Int) {
        guard told.load(ordering: .relaxed) != now else { return }
        told.store(now, ordering: .relaxed)
        lastUse.note(now)
    }
}
