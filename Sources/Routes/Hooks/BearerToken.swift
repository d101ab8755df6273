internal import Hashing

/// `Authorization: Bearer SECRET` (RFC 6750), for senders that sign nothing.
struct BearerToken: SignatureScheme {
    let secrets: [HookSecret]

    func verify(_ fields: HeaderFields, body: [UInt8], now: Int64) throws(SignatureFault) {
        let name = HeaderName.authorization.rawValue
        guard let token = AccessPolicy.bearerToken(try fields.signed(name)) else { throw .malformedHeader(name) }
        // Digests are of one length, so that nothing can be learnt of the secret's.
        let digest = Self.digest(Array(token.utf8))
        var isFound = false
        for secret in secrets where ConstantTime.areEqual(Self.digest(secret.bytes), digest) { isFound = true }
        guard isFound else { throw .wrongToken }
    }

    private static func digest(_ bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }
}
