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
        public var hexadecimal: String {
            let digits = Array("0123456789abcdef".utf8)
            return withUnsafeBytes(of: words) { bytes in
                String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
            }
        }

        /// Of a text's UTF-8.
        public init(of text: some StringProtocol) {
            var text = Substring(text)
            self = text.withUTF8 { Digest(of: $0) }
        }

        public init(of bytes: UnsafeBufferPointer<UInt8>) {
            withUnsafeMutableBytes(of: &words) { words in
                let digest = words.baseAddress?.assumingMemoryBound(to: UInt8.self)
                _ = EVP_Digest(bytes.baseAddress, bytes.count, digest, nil, SHA256.algorithm, nil)
            }
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

    /// OpenSSL looks it up once; it would for every digest otherwise.
    fileprivate nonisolated(unsafe) static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)
}
