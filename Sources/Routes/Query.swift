internal import Hashing

/// A request's query (WHATWG URL, application/x-www-form-urlencoded): names and values, in order, decoded.
struct Query {
    private(set) var parameters: [(name: String, value: String)] = []

    /// - Throws: for escapes that are none, and for what is not UTF-8.
    init(_ text: String) throws(Problem) {
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decoded(parts[0], plusIsSpace: true)
            parameters.append((name, parts.count > 1 ? try Self.decoded(parts[1], plusIsSpace: true) : ""))
        }
    }

    /// A path's segment or a query's name or value without its escapes.
    static func decoded(_ text: some Sequence<UInt8>, plusIsSpace: Bool) throws(Problem) -> String {
        var bytes: [UInt8] = []
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "+") where plusIsSpace: bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(Hexadecimal.value),
                    let low = iterator.next().flatMap(Hexadecimal.value)
                else {
                    throw Problem(.malformedHTTP, "the URL has a '%' without two hexadecimal digits")
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw Problem(.malformedHTTP, "the URL is not UTF-8")
        }
        return decoded
    }
}
