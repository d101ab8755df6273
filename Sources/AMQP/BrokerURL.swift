/// The URL of the brokers, credentials included, in every usual spelling: RabbitMQ's URI specification with its query
/// parameters, several hosts in one URL, several URLs with `;` between them (Kombu's way), and the path `//` for the
/// virtual host `/` (Celery, Kombu, python-socketio).
///
/// A part that is not understood is refused by its name, unless it may be a part of a password.
struct BrokerURL {
    /// The brokers, in the order in which they stand there; at least one.
    ///
    /// - Parameter tls: the settings of TLS for brokers whose URL asks for it, unless it has its own.
    static func endpoints(of text: String, tls: BrokerTLS) throws(BrokerURLError) -> [BrokerEndpoint] {
        var endpoints: [BrokerEndpoint] = []
        for url in urls(in: text) {
            var reading = BrokerURL(rest: url.trimmed[...], defaults: tls)
            endpoints += try reading.read()
        }
        return endpoints
    }

    /// The same text with stars for the passwords.
    static func withoutPasswords(_ text: String) -> String {
        urls(in: text).map { url in
            guard let scheme = url.firstRange(of: "://") else { return url }
            let end = url[scheme.upperBound...].firstIndex { "/?#".contains($0) } ?? url.endIndex
            guard let at = url[scheme.upperBound..<end].lastIndex(of: "@"),
                let colon = url[scheme.upperBound..<at].firstIndex(of: ":")
            else { return url }
            return url[...colon] + "***" + url[at...]
        }.joined(separator: ";")
    }

    /// Between `;`, or commas with a scheme behind them; other commas stand between hosts.
    private static func urls(in text: String) -> [String] {
        var urls: [String] = []
        for part in text.split(separator: ";", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: ",", omittingEmptySubsequences: false)
            urls.append(String(pieces[0]))
            for piece in pieces.dropFirst() {
                if piece.contains("://") { urls.append(String(piece)) } else { urls[urls.count - 1] += ",\(piece)" }
            }
        }
        return urls
    }

    private var rest: Substring
    private let defaults: BrokerTLS

    private mutating func read() throws(BrokerURLError) -> [BrokerEndpoint] {
        let isTLS = try readScheme()
        // What is behind a stray '@' may be the end of a password.
        let authority = take { "/?#".contains($0) }
        guard !rest.contains("@"), !rest.contains("#") else { throw .malformed }
        let (user, password, hosts) = try Self.parts(of: authority)
        // Before anything is called by its name: of what is no URL that name may be a part of a password.
        var places: [(host: String, port: Int?)] = []
        for host in hosts { places.append(try Self.place(String(host).trimmed[...])) }
        let virtualHost = try Self.virtualHost(take { $0 == "?" })
        let query = try BrokerQuery(rest.dropFirst(), isTLS ? defaults : nil)
        var endpoints: [BrokerEndpoint] = []
        for (name, port) in places {
            endpoints.append(
                BrokerEndpoint(
                    host: name, port: port ?? (isTLS ? 5_671 : 5_672), virtualHost: virtualHost, user: user,
                    password: password, mechanism: query.mechanism, tls: query.tls, heartbeat: query.heartbeat,
                    connectTimeout: query.connectTimeout))
        }
        return endpoints
    }

    /// Takes the text before the first character for which `isEnd` is true.
    private mutating func take(to isEnd: (Character) -> Bool) -> Substring {
        let end = rest.firstIndex(where: isEnd) ?? rest.endIndex
        defer { rest = rest[end...] }
        return rest[..<end]
    }

    /// Kombu's names of its transports are AMQP as well.
    private static let schemes = ["amqp": false, "pyamqp": false, "librabbitmq": false, "amqps": true, "pyamqps": true]

    /// - Returns: whether it asks for TLS.
    private mutating func readScheme() throws(BrokerURLError) -> Bool {
        guard let colon = rest.firstRange(of: "://") else { throw .malformed }
        let scheme = rest[..<colon.lowerBound].lowercased()
        guard let isTLS = Self.schemes[scheme] else {
            let isName = scheme.utf8.allSatisfy { (97...122).contains($0) || $0 == UInt8(ascii: "+") }
            guard isName, (1...16).contains(scheme.utf8.count) else { throw .malformed }
            throw BrokerURLError("begins with \(scheme)://, and must begin with amqp:// or, for TLS, amqps://")
        }
        rest = rest[colon.upperBound...]
        return isTLS
    }

    /// User and password have RabbitMQ's defaults, `guest`.
    private static func parts(
        of authority: Substring
    ) throws(BrokerURLError) -> (user: String, password: String, hosts: [Substring]) {
        let halves = authority.split(separator: "@", omittingEmptySubsequences: false)
        guard halves.count <= 2, let places = halves.last else { throw .malformed }
        var (user, password) = ("guest", "guest")
        if halves.count == 2 {
            let names = halves[0].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = try decoded(names[0])
            if names.count == 2 { password = try decoded(names[1]) }
        }
        let hosts = places.split(separator: ",", omittingEmptySubsequences: false)
        guard hosts.count == 1 || !hosts.contains("") else { throw .malformed }
        return (user, password, hosts)
    }

    /// `host`, `host:port`, `[IPv6]`, `[IPv6]:port`, or nothing, which is this machine.
    private static func place(_ text: Substring) throws(BrokerURLError) -> (host: String, port: Int?) {
        var (host, port) = (text, Substring())
        var isAddress = false
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw .malformed }
            (host, port) = (text[text.index(after: text.startIndex)..<end], text[text.index(after: end)...])
            guard port.isEmpty || port.first == ":" else { throw .malformed }
            isAddress = true
        } else if let colon = text.firstIndex(of: ":") {
            (host, port) = (text[..<colon], text[colon...])
        }
        guard host.utf8.allSatisfy({ isHost($0) || isAddress && ($0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "%")) })
        else { throw .malformed }
        let name = isAddress ? try decoded(host) : String(host)
        guard port.count > 1 else { return (name.isEmpty ? "localhost" : name, nil) }
        let digits = port.dropFirst()
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let number = Int(digits),
            (1...65_535).contains(number)
        else { throw .malformed }
        return (name.isEmpty ? "localhost" : name, number)
    }

    private static func isHost(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// The virtual host of a path. No path and `/` are the virtual host `/`, and so is `//`. Another slash is read in
    /// different ways by different programs.
    private static func virtualHost(_ path: Substring) throws(BrokerURLError) -> String {
        guard path.count > 1, path != "//" else { return "/" }
        let name = path.dropFirst()
        guard !name.contains("/") else {
            throw BrokerURLError("has a slash inside its virtual host, which must be written %2F")
        }
        let virtualHost = try decoded(name)
        guard virtualHost.utf8.count <= 255 else { throw BrokerURLError("has a virtual host of more than 255 bytes") }
        return virtualHost
    }

    /// Without its percent escapes. No name on a broker has a NUL in it.
    fileprivate static func decoded(_ text: Substring) throws(BrokerURLError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap({ Character(UnicodeScalar($0)).hexDigitValue }),
                let low = rest.popFirst().flatMap({ Character(UnicodeScalar($0)).hexDigitValue })
            else { throw .malformed }
            bytes.append(UInt8(high * 16 + low))
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw BrokerURLError("has percent escapes that are not UTF-8")
        }
        guard !decoded.utf8.contains(0) else { throw BrokerURLError("has %00 in it, which no name or password has") }
        return decoded
    }
}

/// The query parameters, behind the `?`, with RabbitMQ's names.
private struct BrokerQuery {
    private(set) var mechanism = BrokerEndpoint.Mechanism.plain
    private(set) var tls: BrokerTLS?
    private(set) var heartbeat: Duration?
    private(set) var connectTimeout: Duration?

    private static let ofTLS = ["cacertfile", "certfile", "keyfile", "verify", "server_name_indication"]
    private static let names = ofTLS + ["auth_mechanism", "heartbeat", "connection_timeout"]

    /// - Parameter tls: `nil`: the URL asks for none.
    init(_ text: Substring, _ tls: BrokerTLS?) throws(BrokerURLError) {
        let isTLS = tls != nil
        self.tls = tls
        var seen: Set<String> = []
        for parameter in text.split(separator: "&") {
            let halves = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(halves[0])
            guard Self.names.contains(name) else { throw Self.unknown(name) }
            guard halves.count == 2, !halves[1].isEmpty else {
                throw BrokerURLError("has the parameter '\(name)' without a value")
            }
            guard seen.insert(name).inserted else { throw BrokerURLError("has the parameter '\(name)' twice") }
            guard isTLS || !Self.ofTLS.contains(name) else {
                throw BrokerURLError("has the parameter '\(name)', which is for TLS: it must begin with amqps://")
            }
            try read(name, BrokerURL.decoded(halves[1]))
        }
        guard mechanism == .plain || isTLS else {
            throw BrokerURLError("has auth_mechanism=external, which is for TLS: it must begin with amqps://")
        }
    }

    private static func unknown(_ name: String) -> BrokerURLError {
        let isName =
            (1...40).contains(name.utf8.count)
            && name.utf8.allSatisfy { (97...122).contains($0 | 0x20) || (48...57).contains($0) || $0 == 0x5F }
        return BrokerURLError(
            "has \(isName ? "the parameter '\(name)'" : "a parameter"), which is not known: "
                + "known are \(names.joined(separator: ", "))")
    }

    private mutating func read(_ name: String, _ value: String) throws(BrokerURLError) {
        switch name {
        case "cacertfile": tls?.caFile = value
        case "certfile": tls?.certificateFile = value
        case "keyfile": tls?.keyFile = value
        case "server_name_indication": tls?.serverName = value
        case "verify":
            switch value.lowercased() {
            case "verify_peer": tls?.verifies = true
            case "verify_none": tls?.verifies = false
            default: throw BrokerURLError("has a 'verify' that is neither verify_peer nor verify_none")
            }
        case "auth_mechanism":
            switch value.lowercased() {
            case "plain": mechanism = .plain
            case "external": mechanism = .external
            default: throw BrokerURLError("has an 'auth_mechanism' that is neither plain nor external")
            }
        case "heartbeat":
            guard let seconds = Int(value), (0...600).contains(seconds) else {
                throw BrokerURLError("has a 'heartbeat' that is no number of seconds from 0 to 600")
            }
            heartbeat = .seconds(seconds)
        default:
            guard let milliseconds = Int(value), (1...600_000).contains(milliseconds) else {
                throw BrokerURLError("has a 'connection_timeout' that is no number of milliseconds from 1 to 600000")
            }
            connectTimeout = .milliseconds(milliseconds)
        }
    }
}

extension String {
    /// Without blanks and line breaks at both ends, which come with what is copied or read from files.
    fileprivate var trimmed: String {
        let isBlank = { (character: Character) in character.isWhitespace }
        return String(drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}

/// The reason why a text is no URL of brokers, worded to stand behind the name of the setting. Shows nothing that may
/// be secret.
public struct BrokerURLError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }

    static let malformed = BrokerURLError(
        "is not an AMQP URI of the form amqp://user:password@host:port/vhost "
            + "(in a user or password, @ is %40, / is %2F, ? is %3F, # is %23, ; is %3B and % is %25)")
}
