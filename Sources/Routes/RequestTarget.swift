/// The target of a request line (RFC 9112, section 3.2), as far as it is more than a path.
package enum RequestTarget {
    /// Where the path begins in a target: behind scheme and authority, if it is in absolute form, as clients send it to proxies.
    ///
    /// - Parameter target: without its query.
    package static func pathOffset(in target: some BidirectionalCollection<UInt8>) -> Int {
        guard let authority = authorityOffset(in: target) else { return 0 }
        let rest = target.dropFirst(authority)
        return authority + rest.distance(from: rest.startIndex, to: rest.firstIndex(of: slash) ?? rest.endIndex)
    }

    /// `host:port` of a target in absolute form, which counts instead of the `Host` header (section 3.2.2); `nil` in any other.
    package static func authority(of target: some BidirectionalCollection<UInt8>) -> String? {
        guard let start = authorityOffset(in: target) else { return nil }
        return String(decoding: target.dropFirst(start).prefix { $0 != slash }, as: UTF8.self)
    }

    private static func authorityOffset(in target: some BidirectionalCollection<UInt8>) -> Int? {
        // Nearly all.
        guard let first = target.first, first != slash else { return nil }
        for scheme in ["http://", "https://"] {
            let start = target.prefix(scheme.utf8.count)
            if start.count == scheme.utf8.count, zip(start, scheme.utf8).allSatisfy({ lowercased($0) == $1 }) {
                return scheme.utf8.count
            }
        }
        return nil
    }

    private static let slash = UInt8(ascii: "/")

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
