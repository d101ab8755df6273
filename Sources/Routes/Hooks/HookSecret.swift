internal import Hashing

/// A secret that a hook shares with its sender. It appears in no description.
struct HookSecret: Sendable, CustomStringConvertible, CustomReflectable {
    /// Not empty.
    let bytes: [UInt8]

    init?(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return nil }
        self.bytes = bytes
    }

    var description: String { "a hook's secret" }
    var customMirror: Mirror { Mirror(self, children: []) }
}

extension HookSecret {
    /// As it was written, for who has written it.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension [HookSecret] {
    /// - Throws: when none of the candidates is the code of the parts under any of the secrets.
    func check(_ candidates: [[UInt8]], of parts: [[UInt8]], _ algorithm: HMAC.Algorithm) throws(SignatureFault) {
        var isFound = false
        for secret in self {
            let code = secret.code(of: parts, algorithm)
            for candidate in candidates where ConstantTime.areEqual(candidate, code) { isFound = true }
        }
        guard isFound else { throw .wrongSecret }
    }

    /// The code of the parts under the first secret, by which deliveries are signed.
    func code(of parts: [[UInt8]], _ algorithm: HMAC.Algorithm) -> [UInt8] { self[0].code(of: parts, algorithm) }

    /// Whether the token is one of the secrets.
    func contain(token: some StringProtocol) -> Bool {
        // Digests are of one length, so that nothing can be learnt of the secret's.
        let digest = Self.digest([UInt8](token.utf8))
        var isFound = false
        for secret in self where ConstantTime.areEqual(Self.digest(secret.bytes), digest) { isFound = true }
        return isFound
    }

    private static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }
}

extension HookSecret {
    fileprivate func code(of parts: [[UInt8]], _ algorithm: HMAC.Algorithm) -> [UInt8] {
        var hmac = HMAC(algorithm, key: bytes)
        for part in parts { hmac.update(part) }
        return hmac.finish()
    }
}
