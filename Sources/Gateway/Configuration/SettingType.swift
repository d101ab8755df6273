internal import Logging
internal import Routes
internal import SettingTypes

extension SettingType<String> {
    /// A file's path; empty: none.
    static var file: Self {
        SettingType(SettingKind(words: "a path of at most 4095 bytes", placeholder: "file")) {
            $0.utf8.count < 4_096 && !$0.utf8.contains(0) ? $0 : nil
        }
    }

    /// A name or an address; empty: none.
    static var hostName: Self {
        SettingType(SettingKind(words: "a host's name or address", placeholder: "host")) {
            $0.utf8.count <= 255 && $0.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F } ? $0 : nil
        }
    }

    /// A URL of brokers. It is checked later, by its reader, whose errors do not show the password.
    static var amqpURI: Self {
        SettingType(SettingKind(words: "amqp://user:password@host:port/vhost", placeholder: "amqp-uri")) { $0 }
    }
}

extension SettingType<Logger.Level> {
    static var logLevel: Self {
        let names = Logger.Level.allCases.map(\.rawValue)
        let words = names.map { $0 == "warning" ? "warning (or warn)" : $0 }.inWords
        return SettingType(
            SettingKind(words: "a level: \(words)", placeholder: "level", choices: names),
            parse: { Logger.Level(rawValue: $0 == "warn" ? "warning" : $0) }, show: { $0.rawValue })
    }
}

extension SettingType<LogFormat> {
    static var logFormat: Self {
        let names = LogFormat.allCases.map(\.rawValue)
        return SettingType(SettingKind(words: names.inWords, placeholder: "format", choices: names)) {
            LogFormat(rawValue: $0)
        }
    }
}

extension SettingType<ListenAddress> {
    static var listenAddress: Self {
        SettingType(SettingKind(words: "host:port or unix:/path", placeholder: "address")) { ListenAddress($0) }
    }
}

extension SettingType<ListenAddress?> {
    /// Empty: nowhere.
    static var optionalListenAddress: Self {
        SettingType(SettingKind(words: "host:port or unix:/path", placeholder: "address")) { text in
            guard !text.isEmpty else { return .some(nil) }
            guard let address = ListenAddress(text) else { return nil }
            return address
        }
    }

    /// Empty: nowhere.
    static var optionalTCPAddress: Self {
        SettingType(SettingKind(words: "host:port", placeholder: "host:port")) { text in
            guard !text.isEmpty else { return .some(nil) }
            guard let address = ListenAddress(text), address.path == nil else { return nil }
            return address
        }
    }
}

extension SettingType<UInt32> {
    /// The permissions of a file.
    static var fileMode: Self {
        SettingType(SettingKind(words: "permissions in octal", detail: ", such as 0660 or 0600", placeholder: "mode")) {
            text in
            guard (3...4).contains(text.utf8.count), let mode = UInt32(text, radix: 8), mode <= 0o777 else {
                return nil
            }
            return mode
        }
    }
}

extension SettingType<TrustedProxies> {
    static var trustedProxies: Self {
        SettingType(
            SettingKind(
                words: "addresses and networks separated by commas, and unix",
                detail: ", such as 10.0.0.0/8,2001:db8::1",
                placeholder: "list", isList: true)
        ) { TrustedProxies($0) }
    }
}

extension SettingType<CORSPolicy> {
    static var corsOrigins: Self {
        SettingType(
            SettingKind(
                words: "none, or origins separated by commas",
                detail: """
                    , as browsers send them: scheme://host or scheme://host:port, such as https://app.example.com, without a \
                    path, a slash at the end or the scheme's own port; neither '*' nor 'null'
                    """, placeholder: "origins", isList: true)
        ) { CORSPolicy(text: $0) }
    }
}
