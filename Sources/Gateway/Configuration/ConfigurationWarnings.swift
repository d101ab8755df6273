internal import AMQPBridge
internal import Routes

extension Configuration {
    /// What is valid and dangerous, a sentence each.
    ///
    /// - Parameters:
    ///   - isLoopback: whether only this machine can reach the address.
    ///   - now: seconds since 1970.
    func warnings(isLoopback: Bool, now: Int) -> [String] {
        var warnings: [String] = []
        if keys.isEmpty, allowsAnonymous {
            let who = isLoopback ? "every program on this machine" : "whoever reaches \(listenAddress)"
            warnings.append("\(who) may do everything: allowAnonymous is set, and there is no key")
        }
        if let caution = wireFormat.caution { warnings.append(caution) }
        if let length = apiKeyLength, length < Self.leastKeyLength {
            warnings.append(
                "the key in \(apiKeyPlace) has \(length) characters: fewer than \(Self.leastKeyLength) can be guessed")
        }
        for key in keys {
            if let end = key.expires, end <= now {
                warnings.append("the key '\(key.name)' has expired")
            } else if key.expires == nil, key.scopes == Set(Scope.allCases), !key.isAPIKey {
                warnings.append("the key '\(key.name)' may do everything, for ever: it has the scope * and no end")
            }
        }
        for entry in hooks where entry.isOpen {
            warnings.append(
                "the hook '\(entry.hook.name)' takes anything from anybody: it has the scheme none, and no allow")
        }
        return warnings
    }

    private var apiKeyPlace: String {
        if case .file = origins[.apiKey]?.origin { return "apiKey of the configuration file" }
        return "GATEWAY_API_KEY"
    }

    /// Of a key that people choose. One of 16 random letters and digits has some 80 bits.
    private static let leastKeyLength = 16
}
