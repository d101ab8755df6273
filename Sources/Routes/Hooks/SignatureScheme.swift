internal import Hashing

/// How a delivery proves that it comes from who knows the hook's secret.
protocol SignatureScheme: Sendable {
    /// Whether it does. All secrets are tried, whichever matches, and everything is compared in constant time.
    ///
    /// - Parameters:
    ///   - body: the bytes as they came.
    ///   - now: seconds since 1970.
    func isAuthentic(_ fields: HeaderFields, body: [UInt8], now: Int64) -> Bool
}

/// For who says so: whoever knows the hook's name may use it.
struct Unsigned: SignatureScheme {
    func isAuthentic(_ fields: HeaderFields, body: [UInt8], now: Int64) -> Bool { true }
}

/// When a delivery was signed, so that one that was overheard cannot be sent again for ever.
struct SignatureTimestamp {
    /// As it was signed.
    let text: [UInt8]
    private let seconds: Int64

    /// How far apart the sender's clock and ours may be, in seconds; also how long a delivery may be on its way.
    static let tolerance: Int64 = 300

    /// - Parameter text: a number without sign, white space or leading zeros.
    init?(_ text: some StringProtocol) {
        let digits = Array(text.utf8)
        // Twelve digits are thirty thousand years.
        guard (1...12).contains(digits.count), digits[0] != UInt8(ascii: "0"),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        self.text = digits
        seconds = digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    func isFresh(at now: Int64) -> Bool { abs(now - seconds) <= Self.tolerance }
}

extension [HookSecret] {
    /// Whether any of the candidates is the code of the parts under any of the secrets.
    func sign(_ parts: [[UInt8]], _ algorithm: HMAC.Algorithm, as candidates: [[UInt8]]) -> Bool {
        var isFound = false
        for secret in self {
            var hmac = HMAC(algorithm, key: secret.bytes)
            for part in parts { hmac.update(part) }
            let code = hmac.finish()
            for candidate in candidates where ConstantTime.areEqual(candidate, code) { isFound = true }
        }
        return isFound
    }
}
