internal import Hashing

/// The keys that are known. An object, for every request asks it and it has many parts.
///
/// An event loop has its own, with its own callers: to count references to an object that all loops use, each would
/// take it from the others' processors, several times for a request.
private final class Keys: Sendable {
    private let keys: [APIKey]
    /// Theirs, side by side: all are looked at for every request.
    private let digests: [SHA256.Digest]
    /// Seconds since 1970.
    private let clock: @Sendable () -> Int

    init(_ keys: [APIKey], clock: @escaping @Sendable () -> Int) {
        self.keys = keys
        digests = keys.map(\.digest)
        self.clock = clock
    }

    /// The same keys and callers, as objects that nobody else uses.
    func copied() -> Keys {
        var callers: [ObjectIdentifier: Caller] = [:]
        let copies = keys.map { key in
            let id = ObjectIdentifier(key.caller)
            let caller = callers[id] ?? key.caller.copied()
            callers[id] = caller
            return APIKey(digest: key.digest, caller: caller, lastUse: key.lastUse)
        }
        return Keys(copies, clock: clock)
    }

    /// Compares with every key, in the same time whichever it is.
    func owner(of digest: SHA256.Digest, _ head: RequestHead, _ isNoted: Bool) throws(Problem) -> Caller {
        var found = -1
        for index in digests.indices {
            let difference = digests[index].difference(from: digest)
            // All ones if they differ.
            let differs = Int(truncatingIfNeeded: 0 &- ((difference | (0 &- difference)) >> 63))
            found = (found & differs) | (index & ~differs)
        }
        guard found >= 0 else { throw .unauthorized(head) }
        let (now, key) = (clock(), keys[found])
        let caller = key.caller
        guard caller.expires.map({ now < $0 }) ?? true else { throw .unauthorized(head, expired: caller.name) }
        if isNoted { key.noteUse(now) }
        return caller
    }
}

/// The callers of the gateway, and how they prove themselves.
package struct AccessPolicy: Sendable {
    /// The callers that are served without a key.
    package enum Keyless: Sendable {
        case nobody
        /// Programs on this machine only, so that no web page can reach the gateway through its visitor's browser. `Host`
        /// must be a loopback name (against DNS rebinding) and `Origin` must not be there, unless it is
        /// allowed by ``cors``. What a proxy says that it has passed on is refused: it would let in everybody whom it serves. (A
        /// proxy that says nothing cannot be told from a program of this machine.)
        case loopback
        /// On purpose.
        case everybody
    }

    private var keys: Keys
    private let keyless: Keyless
    /// Whoever comes, where no key is needed.
    private var anyone = Caller.anyone
    /// The origins whose web pages may call.
    package var cors = CORSPolicy.off
    /// Whether pages of the gateway itself may call, where only this machine does: the console's, whose browser sends
    /// `Origin` with its POSTs.
    package var admitsOwnPages = false

    /// - Parameter keyless: what holds when there are no keys.
    package init(keys: [APIKey], keyless: Keyless, clock: @escaping @Sendable () -> Int) {
        self.keys = Keys(keys, clock: clock)
        self.keyless = keys.isEmpty ? keyless : .nobody
    }

    /// The same for one event loop, with keys and callers of its own. The tokens of rates and the times of last use stay
    /// common.
    func copied() -> AccessPolicy {
        var policy = self
        policy.keys = keys.copied()
        policy.anyone = anyone.copied()
        return policy
    }

    /// Without keys.
    package static let loopbackOnly = AccessPolicy(keys: [], keyless: .loopback) { 0 }
    package static let anonymous = AccessPolicy(keys: [], keyless: .everybody) { 0 }

    /// The caller of a request.
    ///
    /// - Parameters:
    ///   - isPublic: whether it is for what everybody may read.
    ///   - digester: the loop's own.
    ///   - isNoted: whether the key counts as used now.
    /// - Returns: anyone where it does not matter.
    /// - Throws: when it is none that is served.
    func caller(
        of head: RequestHead, isPublic: Bool, _ digester: SHA256.Digester, isNoted: Bool = true
    ) throws(Problem) -> Caller {
        switch keyless {
        case .everybody: return anyone
        case .loopback:
            try checkIsLocal(head)
            return anyone
        case .nobody:
            return isPublic ? anyone : try keys.owner(of: try Self.digest(head, digester), head, isNoted)
        }
    }

    /// - Throws: where only requests of this machine are served, and this is none.
    func checkIsLocal(_ head: RequestHead) throws(Problem) {
        guard keyless == .loopback else { return }
        if let host = head.fields[.host], !Self.isLoopback(host) {
            throw Problem(
                .hostNotAllowed, "without an API key only requests to a loopback host are served: set GATEWAY_API_KEY")
        }
        if head.fields.isForwarded {
            throw Problem(
                .forwarded,
                "without an API key nothing is served that a proxy has passed on: "
                    + "set GATEWAY_API_KEY, or start without --allow-anonymous")
        }
        if let origin = head.fields[.origin], !cors.allows(origin), !isOwnPage(origin, head.fields[.host]) {
            throw Problem(
                .originNotAllowed,
                "without an API key only web pages of allowed origins may call the gateway: "
                    + "the page's origin is not in GATEWAY_CORS_ORIGINS")
        }
    }

    /// - Parameter host: is a loopback one.
    private func isOwnPage(_ origin: String, _ host: String?) -> Bool {
        // Without a port it might be another program's of this machine: that of http is none of https.
        guard admitsOwnPages, let host, host.contains(":"), !host.hasSuffix("]") else { return false }
        return origin.hasBytes(of: "http://\(host)") || origin.hasBytes(of: "https://\(host)")
    }

    /// For what asks for no credential at all: browsers send simple forms for any page, wherever its visitor can reach us.
    ///
    /// - Throws: where not everybody is served, and this comes from a web page that is not allowed.
    func checkIsNoPage(_ head: RequestHead) throws(Problem) {
        try checkIsLocal(head)
        if keyless == .nobody, let origin = head.fields[.origin], !cors.allows(origin) {
            throw Problem(
                .originNotAllowed,
                "only web pages of allowed origins may call a hook that is not signed: "
                    + "the page's origin is not in GATEWAY_CORS_ORIGINS")
        }
    }

    /// Of the credential that was sent; of nothing if there is none.
    private static func digest(
        _ head: RequestHead, _ digester: SHA256.Digester
    ) throws(Problem) -> SHA256.Digest {
        let none = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
        switch (head.fields.contains(.authorization), head.fields.contains(.apiKey)) {
        case (true, true): throw Problem(.ambiguousCredentials, "send Authorization or X-API-Key, not both")
        case (true, false):
            return head.fields.withValue(of: .authorization) { digester.digest(of: token(of: $0) ?? none) }!
        case (false, true): return head.fields.withValue(of: .apiKey) { digester.digest(of: $0) }!
        case (false, false): return digester.digest(of: none)
        }
    }

    /// The token of `Bearer TOKEN`; the scheme in any letter case (RFC 9110, section 11.1).
    static func bearerToken(_ authorization: String) -> Substring? {
        var authorization = authorization
        return authorization.withUTF8 { token(of: $0).map { Substring(decoding: $0, as: UTF8.self) } }
    }

    /// The same in bytes: this is asked for every request.
    private static func token(of authorization: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
        let scheme: StaticString = "bearer "
        var start = scheme.utf8CodeUnitCount
        guard authorization.count > start else { return nil }
        for index in 0..<start where authorization[index] | 0x20 != scheme.utf8Start[index] { return nil }
        while start < authorization.count, authorization[start] == UInt8(ascii: " ") { start += 1 }
        return UnsafeBufferPointer(rebasing: authorization[start...])
    }

    /// Whether a `Host` header (`name`, `name:port`, `[v6]:port`) names this machine itself.
    static func isLoopback(_ host: String) -> Bool {
        // On bytes: this is asked for every request.
        let bytes = host.utf8
        if bytes.first == UInt8(ascii: "[") {
            let v6 = "[::1]".utf8
            return bytes.starts(with: v6) && isPort(bytes.dropFirst(v6.count))
        }
        let name = bytes.prefix { $0 != UInt8(ascii: ":") }
        guard isPort(bytes[name.endIndex...]) else { return false }
        return isLoopbackIPv4(name) || name.lazy.map { $0 | 0x20 }.elementsEqual("localhost".utf8)
    }

    /// Nothing, or a colon and digits, of which there may be none (RFC 3986, section 3.2.3).
    private static func isPort(_ bytes: Substring.UTF8View) -> Bool {
        guard let first = bytes.first else { return true }
        return first == UInt8(ascii: ":")
            && bytes.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// `127.` and three more numbers up to 255.
    private static func isLoopbackIPv4(_ name: Substring.UTF8View) -> Bool {
        guard name.starts(with: "127.".utf8) else { return false }
        var (octets, digits, number) = (0, 0, 0)
        for byte in name {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits += 1
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
                guard digits <= 3, number <= 255 else { return false }
            case UInt8(ascii: ".") where digits > 0:
                octets += 1
                (digits, number) = (0, 0)
            default: return false
            }
        }
        return octets == 3 && digits > 0
    }
}
