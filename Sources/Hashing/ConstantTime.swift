internal import CCrypto

/// Comparing what an attacker may guess at.
public enum ConstantTime {
    /// Whether both are the same bytes, in a time that depends on their lengths only.
    public static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }
}
