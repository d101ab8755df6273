internal import Glibc

/// An IPv4 or IPv6 address. IPv4 stands as it may in IPv6, `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2): a socket that
/// takes both families shows it so.
struct IPAddress: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(ipv4: UInt32) {
        self.init(high: 0, low: 0xFFFF << 32 | UInt64(ipv4))
    }

    /// An address as `inet_pton` reads it: four decimal numbers, or IPv6 without a zone.
    init?(_ text: some StringProtocol) {
        guard !text.utf8.contains(0) else { return nil }
        let text = String(text)
        var ipv4: UInt32 = 0
        if inet_pton(AF_INET, text, &ipv4) == 1 {
            self.init(ipv4: UInt32(bigEndian: ipv4))
            return
        }
        var ipv6: (UInt64, UInt64) = (0, 0)
        guard inet_pton(AF_INET6, text, &ipv6) == 1 else { return nil }
        self.init(high: UInt64(bigEndian: ipv6.0), low: UInt64(bigEndian: ipv6.1))
        // No client has it.
        if self == .unixSocket { return nil }
    }

    /// The address that stands for all clients of a Unix socket: one of multicast, which no client has.
    static let unixSocket = IPAddress(high: .max, low: .max)

    var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The prefix that one subscriber has: an IPv4 address, or an IPv6 /64.
    var subscriberPrefix: UInt64 { isIPv4 ? low & 0xFFFF_FFFF : high }
}

extension IPAddress: CustomStringConvertible {
    var description: String {
        if self == .unixSocket { return "unix" }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        var ipv4 = UInt32(truncatingIfNeeded: low).bigEndian
        var ipv6 = (high.bigEndian, low.bigEndian)
        let written =
            isIPv4
            ? inet_ntop(AF_INET, &ipv4, &text, socklen_t(text.count))
            : inet_ntop(AF_INET6, &ipv6, &text, socklen_t(text.count))
        return written.map { String(cString: $0) } ?? ""
    }
}

/// All addresses that begin with the same bits.
struct IPNetwork: Hashable, Sendable {
    private let first: IPAddress
    private let highMask: UInt64
    private let lowMask: UInt64
    private let isIPv4: Bool

    /// An address, or a network as `10.0.0.0/8`; behind its prefix there must be nothing but zeros.
    init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(parts[0]) else { return nil }
        let (bits, before) = parts[0].contains(":") ? (128, 0) : (32, 96)
        guard let length = parts.count == 1 ? bits : Int(digits: parts[1]), length <= bits else { return nil }
        let prefix = before + length
        highMask = .max << UInt64(64 - min(prefix, 64))
        lowMask = .max << UInt64(64 - max(prefix - 64, 0))
        guard address.high & ~highMask == 0, address.low & ~lowMask == 0 else { return nil }
        first = address
        isIPv4 = address.isIPv4 && prefix >= 96
    }

    /// The network of ``IPAddress/unixSocket`` alone.
    static let unixSocket = IPNetwork(IPAddress.unixSocket)

    private init(_ only: IPAddress) {
        (first, highMask, lowMask, isIPv4) = (only, .max, .max, false)
    }

    /// No IPv6 network has IPv4 addresses in it, nor the other way round.
    func contains(_ address: IPAddress) -> Bool {
        address.high & highMask == first.high && address.low & lowMask == first.low && address.isIPv4 == isIPv4
    }
}

extension Int {
    /// A number of one to five decimal digits and nothing else.
    init?(digits text: some StringProtocol) {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        self.init(text)
    }
}
