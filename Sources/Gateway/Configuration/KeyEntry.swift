internal import Hashing
internal import Routes
internal import YAML

/// A key as it stands in the configuration.
struct KeyEntry: Sendable, Equatable {
    var name: String
    /// The hash of the key, or several while a key is exchanged: the gateway takes each of them.
    var digests: [SHA256.Digest]
    var scopes: Set<Scope>
    var reach = Reach()
    /// Seconds since 1970; from then on it opens nothing.
    var expires: Int?
    var rate: Rate?
}

extension KeyEntry {
    /// The entry of `GATEWAY_API_KEY`: may do everything.
    init(apiKey: String) {
        self.init(name: Self.apiKeyName, digests: [SHA256.Digest(of: apiKey)], scopes: Set(Scope.allCases))
    }

    private static let apiKeyName = "api-key"

    /// Whether it is that of `GATEWAY_API_KEY`.
    var isAPIKey: Bool { name == Self.apiKeyName }

    /// The entry of a key that is made for one run, because none is configured: may do everything.
    init(madeForThisRun key: String) {
        self.init(name: Self.madeName, digests: [SHA256.Digest(of: key)], scopes: Set(Scope.allCases))
    }

    var isMadeForThisRun: Bool { name == Self.madeName }

    private static let madeName = "made-at-start"

    /// A new key: 256 bits from the system's generator, in 43 characters, behind a prefix by which people and scanners
    /// for secrets know it.
    static func freshKey() -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        // getrandom(2).
        var random = SystemRandomNumberGenerator()
        let characters = (0..<43).map { _ in alphabet[Int(random.next() & 63)] }
        return "sgw_" + String(decoding: characters, as: UTF8.self)
    }

    /// The keys that are listed.
    static func read(_ node: YAMLNode, _ faults: FileFaults) -> [KeyEntry] {
        var (names, digests): (Set<String>, Set<SHA256.Digest>) = ([], [SHA256.Digest(of: "")])
        return node.entries("keys", faults).compactMap { node, name in
            guard var members = MappingReader(node, name: name, faults) else { return nil }
            let entry = KeyEntry(&members)
            members.finish()
            if let entry, !names.insert(entry.name).inserted { members.fail("name", "is another key's, too") }
            if let entry, Set(entry.digests).count < entry.digests.count {
                members.fail("sha256", "has a hash twice")
            } else if let entry, !digests.isDisjoint(with: entry.digests) {
                members.fail("sha256", "is another key's, too, or that of no key at all")
            }
            digests.formUnion(entry?.digests ?? [])
            return entry
        }
    }

    /// `nil` if something that is needed is missing or wrong; the reader has been told.
    private init?(_ members: inout MappingReader) {
        let name = members.requiredText("name")
        if name == Self.apiKeyName { members.fail("name", "is that of GATEWAY_API_KEY's key") }
        if name == Self.madeName { members.fail("name", "is that of the key that is made when there is none") }
        if let name, !Self.isName(name) {
            members.fail("name", "must be 1 to 64 letters, digits, '.', '_' or '-'")
        }
        let digests = Self.digests(&members)
        let scopes = Self.scopes(&members)
        let reach = Reach(&members)
        let expires = members.value("expires", Self.endsInWords) { UTCTime(endOf: $0)?.seconds }
        let rate = Rate(&members)
        guard let name, let digests, let scopes else { return nil }
        self.init(name: name, digests: digests, scopes: scopes, reach: reach, expires: expires, rate: rate)
    }

    /// The forms in which a key's end is written.
    static let endsInWords = "a day or a time, such as 2027-01-31 (to its end) or 2027-01-31T12:00:00Z"

    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// The hashes of a key. If the key itself stands in their place, no error shows it.
    private static func digests(_ members: inout MappingReader) -> [SHA256.Digest]? {
        if !members.has("sha256") { members.fail(nil, "has no sha256") }
        guard let texts = members.texts("sha256") else { return nil }
        let digests = texts.map { SHA256.Digest(hexadecimal: $0) }
        for (index, digest) in digests.enumerated() where digest == nil {
            members.fail(
                "sha256", at: texts.count > 1 ? "sha256[\(index)]" : "sha256",
                "must be 64 hexadecimal digits: socketio-gateway keys create and keys hash print them")
        }
        return digests.contains(nil) ? nil : digests.compactMap { $0 }
    }

    private static func scopes(_ members: inout MappingReader) -> Set<Scope>? {
        if !members.has("scopes") { members.fail(nil, "has no scopes") }
        guard let names = members.texts("scopes") else { return nil }
        if names == ["*"] { return Set(Scope.allCases) }
        var scopes: Set<Scope> = []
        for name in names {
            if let scope = Scope(rawValue: name) {
                scopes.insert(scope)
            } else {
                let known = Scope.allCases.map(\.rawValue)
                members.fail(
                    "scopes",
                    "has '\(name)', which is none of \(known.joined(separator: ", ")), or * alone"
                        + Suggestion.of(known, for: name))
            }
        }
        return scopes
    }
}

extension Reach {
    /// The globs of a key or a hook.
    init(_ members: inout MappingReader) {
        func globs(_ key: String) -> NameGlobs? {
            members.texts(key).map { NameGlobs($0.map { Glob($0) }) }
        }
        let namespaces = globs("namespaces")
        // It would open nothing.
        if let glob = namespaces?.patterns.first(where: { $0.first != "/" && $0.first != "*" }) {
            members.fail("namespaces", "has '\(glob)', but the name of a namespace begins with '/'")
        }
        self.init(
            namespaces: namespaces ?? .any, rooms: globs("rooms") ?? .any, sockets: globs("sockets"),
            events: globs("events") ?? .any)
    }
}

extension Rate {
    /// `rate: 100/s`, and `burst: 500`.
    init?(_ members: inout MappingReader) {
        let rate = members.value("rate", "a number for a second, a minute or an hour: 100/s, 600/m, 1000/h") {
            Rate(text: $0)
        }
        let burst = members.value("burst", "a number from 1 to 1000000") { Int($0, in: 1...1_000_000) }
        guard let rate else {
            if burst != nil, !members.has("rate") { members.fail("burst", "needs a rate") }
            return nil
        }
        guard let burst else {
            self = rate
            return
        }
        guard let rate = Rate(rate.count, per: rate.period, burst: burst) else {
            members.fail("burst", "is more than what comes together in a year")
            return nil
        }
        self = rate
    }

    private init?(text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[0]) else { return nil }
        guard let period = Self.periods.first(where: { $0.name == parts[1] }) else { return nil }
        self.init(count, per: period.duration)
    }

    private static let periods: [(name: String, duration: Duration)] = [
        ("s", .seconds(1)), ("m", .seconds(60)), ("h", .seconds(3_600)),
    ]

    /// The rate as it is written: `100/s`.
    var text: String {
        "\(count)/\(Self.periods.first { $0.duration == period }?.name ?? "s")"
    }
}
