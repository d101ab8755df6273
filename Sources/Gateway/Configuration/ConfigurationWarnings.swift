internal import AMQPBridge
internal import Routes
internal import SettingTypes

extension Configuration {
    /// Warnings of settings that are valid and dangerous, a sentence each.
    ///
    /// - Parameters:
    ///   - isLoopback: whether only this machine can reach the address.
    ///   - now: seconds since 1970.
    func warnings(isLoopback: Bool, now: Int) -> [String] {
        var warnings: [String] = []
        if keys.isEmpty, allowsAnonymous {
            let places = [listenAddress, https?.address].compactMap { $0?.description }.joined(separator: " or ")
            let who = isLoopback ? "every program on this machine" : "whoever reaches \(places)"
            warnings.append("\(who) may do everything: allowAnonymous is set, and there is no key")
        }
        if let caution = wireFormat.caution { warnings.append(caution) }
        if let weakness = apiKeyLength.flatMap(KeyEntry.weakness) {
            warnings.append("the key in \(apiKeyPlace) \(weakness)")
        }
        for key in keys {
            if let end = key.expires, end <= now {
                warnings.append("the key '\(key.name)' has expired")
            } else if let end = key.expires, end - now <= Self.soon {
                warnings.append(
                    "the key '\(key.name)' expires in \(Self.days(end - now)), at \(UTCTime(seconds: end))")
            } else if key.expires == nil, key.scopes == Set(Scope.allCases), !key.isAPIKey {
                warnings.append("the key '\(key.name)' may do everything, for ever: it has the scope * and no end")
            }
        }
        if broker.endpoints.contains(where: { $0.tls?.verifies == false }) {
            warnings.append(
                "whoever stands between this gateway and RabbitMQ can read and change everything: its certificate is not checked"
            )
        }
        if let weakness = https?.certificate.weakness(now: now, soon: Self.soon, Self.days) {
            warnings.append("the certificate for HTTPS \(weakness)")
        }
        for entry in hooks where entry.isOpen {
            warnings.append(
                "the hook '\(entry.hook.name)' takes anything from anybody: it has the scheme none, and no allow")
        }
        return warnings
    }

    private var apiKeyPlace: String {
        if case .file = origins[Setting(\.apiKey)]?.origin { return "apiKey of the configuration file" }
        return "GATEWAY_API_KEY"
    }

    /// The time before the end of a key or a certificate at which warnings begin, in seconds: the next one takes a
    /// while.
    private static let soon = 14 * secondsOfDay
    private static let secondsOfDay = 86_400

    /// Whole days, rounded down.
    private static func days(_ seconds: Int) -> String {
        switch seconds / secondsOfDay {
        case 0: "less than a day"
        case 1: "1 day"
        case let days: "\(days) days"
        }
    }
}

extension KeyEntry {
    /// The weakness of a key that people have chosen, if it can be guessed.
    ///
    /// - Parameter length: the key's length in characters. One of 16 random letters and digits has some 80 bits.
    static func weakness(_ length: Int) -> String? {
        length < 16 ? "has \(length) character\(length == 1 ? "" : "s"): fewer than 16 can be guessed" : nil
    }
}
