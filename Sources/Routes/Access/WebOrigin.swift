/// The origin of web pages, as browsers write it: `scheme://host` or `scheme://host:port` (Fetch standard, section
/// 3.1; HTML standard, "serialization of an origin").
package struct WebOrigin: Sendable, Hashable, CustomStringConvertible {
    /// In lower case, as in an `Origin` header.
    package let description: String

    /// A DNS name has at most 253 bytes; an `Origin` is sent back, and must fit an answer's head.
    private static let longestHost = 253

    /// - Parameter text: in any letter case. `nil` for what no browser sends: a path or a slash at the end, the scheme's
    ///   default port, a name that is not ASCII (browsers send `xn--…`), `*`, `null`.
    package init?(_ text: String) {
        let origin = text.lowercased()
        guard origin.utf8.allSatisfy({ $0 < 0x80 }), let colon = origin.firstIndex(of: ":") else { return nil }
        let (scheme, rest) = (origin[..<colon], origin[colon...])
        guard Self.isScheme(scheme), rest.hasPrefix("://") else { return nil }
        let authority = rest.dropFirst(3)
        let hostEnd = authority.hasPrefix("[") ? authority.firstIndex(of: "]").map(authority.index(after:)) : nil
        let portStart = authority[(hostEnd ?? authority.startIndex)...].firstIndex(of: ":") ?? authority.endIndex
        guard Self.isHost(authority[..<portStart]), Self.isPort(authority[portStart...], scheme) else { return nil }
        description = origin
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, isLetter(first), text.utf8.count <= 32 else { return false }
        return text.utf8.allSatisfy { byte in
            isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: ".")
        }
    }

    /// A name, an IPv4 address, or an IPv6 address in brackets.
    private static func isHost(_ text: Substring) -> Bool {
        guard (1...longestHost).contains(text.utf8.count) else { return false }
        if text.hasPrefix("[") {
            return text.hasSuffix("]") && text.utf8.count > 2
                && text.utf8.dropFirst().dropLast().allSatisfy { isHexadecimal($0) || $0 == UInt8(ascii: ":") }
        }
        return text.utf8.allSatisfy { byte in
            isLetter(byte) || isDigit(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                || byte == UInt8(ascii: "_")
        }
    }

    /// Nothing, or a colon and a number that is not the scheme's default, which browsers leave out.
    private static func isPort(_ text: Substring, _ scheme: Substring) -> Bool {
        guard let colon = text.first else { return true }
        let digits = text.dropFirst()
        guard colon == ":", digits.first != "0", digits.utf8.allSatisfy(isDigit), let port = UInt16(digits) else {
            return false
        }
        return !(scheme == "http" && port == 80 || scheme == "https" && port == 443)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
