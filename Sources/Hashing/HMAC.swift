internal import CCrypto

/// HMAC (RFC 2104), by OpenSSL.
public struct HMAC: ~Copyable {
    public enum Algorithm: String, Sendable, CaseIterable {
        case sha256, sha1, sha512
    }

    private let context: OpaquePointer

    /// - Parameter key: not empty; a key longer than the hash's block is hashed first, as the RFC says.
    public init(_ algorithm: Algorithm, key: [UInt8]) {
        // OpenSSL takes an empty key for "the same key as before".
        precondition(!key.isEmpty, "an HMAC needs a key")
        // Fails only without memory, which Swift does not survive either.
        context = EVP_MAC_CTX_new(Implementation.hmac.pointer)!
        let isReady = gateway_hmac_init(context, algorithm.rawValue, key, key.count)
        precondition(isReady == 1, "OpenSSL has no HMAC with \(algorithm)")
    }

    deinit { EVP_MAC_CTX_free(context) }

    public mutating func update(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { buffer in
            EVP_MAC_update(context, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count)
        }
    }

    /// The code: 32, 20 or 64 bytes.
    public consuming func finish() -> [UInt8] {
        let size = EVP_MAC_CTX_get_mac_size(context)
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            EVP_MAC_final(context, buffer.baseAddress, &count, size)
        }
    }

    /// The code of the parts, one behind the other.
    public static func code(_ algorithm: Algorithm, key: [UInt8], _ parts: [UInt8]...) -> [UInt8] {
        var hmac = HMAC(algorithm, key: key)
        for part in parts { hmac.update(part) }
        return hmac.finish()
    }
}

/// OpenSSL's HMAC, looked up once: fetching takes a lock and is costly ("performance", crypto(7)).
///
/// `@unchecked Sendable`: a fetched EVP_MAC is immutable and never freed.
private struct Implementation: @unchecked Sendable {
    let pointer: OpaquePointer

    static let hmac: Implementation = {
        guard let pointer = EVP_MAC_fetch(nil, "HMAC", nil) else { preconditionFailure("OpenSSL has no HMAC") }
        return Implementation(pointer: pointer)
    }()
}
