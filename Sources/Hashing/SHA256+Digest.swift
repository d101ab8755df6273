internal import CCrypto

extension SHA256 {
    /// The 256 bits of a digest.
    public struct Digest: Sendable, Hashable {
        private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        /// - Parameter bytes: 32.
        public init?(_ bytes: [UInt8]) {
            guard bytes.count == 32 else { return nil }
            withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes) }
        }

        /// - Parameter text: 64 digits, in either letter case.
        public init?(hexadecimal text: String) {
            guard let bytes = Hexadecimal.decode(text) else { return nil }
            self.init(bytes)
        }

        /// In 64 digits, small letters.
        public var hexadecimal: String { withUnsafeBytes(of: words) { Hexadecimal.encode($0) } }

        /// Of a text's UTF-8.
        public init(of text: some StringProtocol) {
            var text = Substring(text)
            self = text.withUTF8 { Digester().digest(of: $0) }
        }

        fileprivate init() {}

        fileprivate mutating func withBytes<Result>(_ body: (UnsafeMutablePointer<UInt8>?) -> Result) -> Result {
            withUnsafeMutableBytes(of: &words) { body($0.baseAddress?.assumingMemoryBound(to: UInt8.self)) }
        }

        /// 0 if the two are equal. Takes always the same time.
        public func difference(from other: Digest) -> UInt64 {
            (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2)
                | (words.3 ^ other.words.3)
        }

        public static func == (lhs: Digest, rhs: Digest) -> Bool { lhs.difference(from: rhs) == 0 }

        public func hash(into hasher: inout Hasher) {
            withUnsafeBytes(of: words) { hasher.combine(bytes: $0) }
        }
    }

    /// Makes digests one after the other, in memory that it keeps. On one thread.
    public final class Digester {
        private let context: OpaquePointer
        /// The bytes that came last, and their digest: who sends a key sends it again and again.
        @exclusivity(unchecked) private var last: [UInt8] = []
        @exclusivity(unchecked) private var digestOfLast: Digest?

        /// The most bytes that are remembered. Who has a longer key has it hashed each time.
        private static let longestRemembered = 256

        public init() {
            // Fails only without memory, which Swift does not survive either.
            context = EVP_MD_CTX_new()!
        }

        deinit { EVP_MD_CTX_free(context) }

        public func digest(of bytes: UnsafeBufferPointer<UInt8>) -> Digest {
            if let digestOfLast, isLast(bytes) { return digestOfLast }
            let digest = made(of: bytes)
            guard bytes.count <= Self.longestRemembered else { return digest }
            last.removeAll(keepingCapacity: true)
            last.append(contentsOf: bytes)
            digestOfLast = digest
            return digest
        }

        /// Takes the same time for all bytes of a length: the last ones are somebody's key.
        private func isLast(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
            guard bytes.count == last.count else { return false }
            return last.withUnsafeBufferPointer { last in
                var difference: UInt8 = 0
                for index in 0..<bytes.count { difference |= bytes[index] ^ last[index] }
                return difference == 0
            }
        }

        private func made(of bytes: UnsafeBufferPointer<UInt8>) -> Digest {
            var digest = Digest()
            let isMade = digest.withBytes { words in
                EVP_DigestInit_ex(context, SHA256.algorithm, nil) == 1
                    && EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1
                    && EVP_DigestFinal_ex(context, words, nil) == 1
            }
            precondition(isMade, "OpenSSL has no SHA-256")
            return digest
        }
    }

    /// OpenSSL looks it up once; it would for every digest otherwise.
    fileprivate nonisolated(unsafe) static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)
}
