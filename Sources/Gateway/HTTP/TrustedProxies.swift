/// The proxies whose word on their clients' addresses is taken.
struct TrustedProxies: Sendable, Equatable {
    private let networks: [IPNetwork]

    /// No proxy at all.
    init() {
        networks = []
    }

    /// Proxies by their addresses and networks, separated by commas, and `unix` for those that come over the Unix
    /// socket: `10.0.0.0/8,2001:db8::1,unix`.
    init?(_ text: String) {
        let parts = text.isEmpty ? [] : text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        networks = parts.compactMap {
            let part = Substring($0).withoutSpace
            return part == "unix" ? .unixSocket : IPNetwork(part)
        }
        guard networks.count == parts.count else { return nil }
    }

    func contains(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }

    /// The client behind a connection: of the addresses that proxies have noted, the last that is not itself a trusted
    /// proxy's. Any client may have written the ones before it.
    ///
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - forwardedFor: its `X-Forwarded-For`. Each proxy appends the address that called it.
    /// - Returns: the last proxy that can be relied on, where it noted something else than an address.
    func client(of peer: IPAddress, forwardedFor: String?) -> IPAddress {
        guard let forwardedFor, contains(peer) else { return peer }
        var hop = peer
        // Bytes: to Unicode a comma can be part of a larger character, and the next proxy's word part of the client's.
        for part in forwardedFor.utf8.split(separator: UInt8(ascii: ",")).reversed() {
            let part = Substring(part).withoutSpace
            // Lists may have empty elements (RFC 9110, section 5.6.1.2).
            if part.isEmpty { continue }
            guard let address = IPAddress(forwarded: part) else { return hop }
            guard contains(address) else { return address }
            hop = address
        }
        return hop
    }
}

extension IPAddress {
    /// An address as proxies write it: `1.2.3.4`, `1.2.3.4:567`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:567`.
    fileprivate init?(forwarded text: Substring) {
        // Nothing else stands in one; and so every character is a byte.
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        var (address, port) = (text, Substring?.none)
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            address = text[..<end].dropFirst()
            let rest = text[end...].dropFirst()
            guard rest.isEmpty || rest.first == ":", address.contains(":") else { return nil }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let colon = text.firstIndex(of: ":"), !text[colon...].dropFirst().contains(":") {
            (address, port) = (text[..<colon], text[colon...].dropFirst())
        }
        if let port { guard let number = Int(digits: port), number <= 65_535 else { return nil } }
        self.init(address)
    }
}
