/// Who may use the gateway.
public enum AccessPolicy: Sendable {
    /// Whoever shows this key may do everything.
    case key(APIKey)
    /// No key: only for programs on this machine, so that no web page can reach the gateway through its visitor's
    /// browser. `Host` must be a loopback name (against DNS rebinding) and `Origin` must not be there at all.
    case loopbackOnly
    /// No key, on purpose.
    case anonymous

    /// Why this request may not go on; `nil` if it may.
    func refusal(of head: RequestHead, route: Route) -> Problem? {
        switch self {
        case .anonymous: nil
        case .loopbackOnly: loopbackRefusal(of: head)
        case .key(let key): route.isPublic ? nil : keyRefusal(of: head, key)
        }
    }

    /// Whose requests these are: idempotency keys of different callers have nothing to do with each other.
    var caller: String {
        switch self {
        case .key: "key"
        case .loopbackOnly, .anonymous: ""
        }
    }

    private func loopbackRefusal(of head: RequestHead) -> Problem? {
        if let host = head.fields[.host], !Self.isLoopback(host) {
            return Problem(.hostNotAllowed, "without an API key only requests to a loopback host are served")
        }
        if head.fields[.origin] != nil {
            return Problem(.originNotAllowed, "without an API key no web page may call the gateway")
        }
        return nil
    }

    private func keyRefusal(of head: RequestHead, _ key: APIKey) -> Problem? {
        let credential: String
        switch (head.fields[.authorization], head.fields[.apiKey]) {
        case (.some, .some): return Problem(.ambiguousCredentials, "send Authorization or X-API-Key, not both")
        case (let authorization?, nil): credential = Self.bearerToken(authorization) ?? ""
        case (nil, let apiKey?): credential = apiKey
        case (nil, nil): credential = ""
        }
        return key.matches(credential)
            ? nil : Problem(.unauthorized, "send an API key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'")
    }

    /// The token of `Bearer TOKEN`; the scheme in any letter case (RFC 9110, section 11.1).
    private static func bearerToken(_ authorization: String) -> String? {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1].drop { $0 == " " })
    }

    /// Whether a `Host` header (`name`, `name:port`, `[v6]:port`) names this machine itself.
    static func isLoopback(_ host: String) -> Bool {
        // On bytes: this is asked for every request.
        let bytes = host.utf8
        if bytes.first == UInt8(ascii: "[") {
            return bytes.dropFirst().prefix { $0 != UInt8(ascii: "]") }.elementsEqual("::1".utf8)
        }
        let name = bytes.prefix { $0 != UInt8(ascii: ":") }
        return isLoopbackIPv4(name) || name.lazy.map { $0 | 0x20 }.elementsEqual("localhost".utf8)
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

/// An API key. It appears in no description.
public struct APIKey: Sendable, CustomStringConvertible, CustomReflectable {
    private let bytes: [UInt8]

    /// - Parameter key: not empty.
    public init?(_ key: String) {
        guard !key.isEmpty else { return nil }
        bytes = Array(key.utf8)
    }

    /// Compares in a time that depends on the candidate's length only.
    func matches(_ candidate: String) -> Bool {
        var difference: UInt8 = candidate.utf8.count == bytes.count ? 0 : 1
        var index = 0
        for byte in candidate.utf8 {
            difference |= byte ^ bytes[index]
            index = index + 1 == bytes.count ? 0 : index + 1
        }
        return difference == 0
    }

    public var description: String { "an API key" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
