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

    /// To be asked behind the signature: of what anybody may have written the time says nothing.
    func check(now: Int64) throws(SignatureFault) {
        let age = now - seconds
        guard abs(age) <= Self.tolerance else { throw .clock(age) }
    }
}

extension HeaderFields {
    /// The value of a header that a signature is made of.
    ///
    /// - Parameter name: in lower case.
    func signed(_ name: String) throws(SignatureFault) -> String {
        let values = values(named: name)
        guard let value = values.first else { throw .missingHeader(name) }
        guard values.count == 1 else { throw .malformedHeader(name) }
        return value
    }
}
