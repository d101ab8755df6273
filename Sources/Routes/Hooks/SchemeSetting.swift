internal import Hashing

/// A setting that hooks of some schemes have: a text.
package struct SchemeSetting: Sendable, Equatable {
    package let name: String
    package let isRequired: Bool
    /// Whether its value is shown nowhere, and may stand in a file of its own, whose name is the setting `…File`.
    package let isSecret: Bool

    init(_ name: String, isRequired: Bool = false, isSecret: Bool = false) {
        self.name = name
        self.isRequired = isRequired
        self.isSecret = isSecret
    }
}

/// The configuration of a hook's scheme. Nothing of it is in a description.
package struct SchemeValues: Sendable, CustomStringConvertible, CustomReflectable {
    private let secrets: [String]
    private let texts: [String: String]

    /// - Parameters:
    ///   - secrets: what the sender shares with the hook. Several while one is replaced by another.
    ///   - texts: by the settings' names.
    package init(secrets: [String], _ texts: [String: String] = [:]) {
        self.secrets = secrets
        self.texts = texts
    }

    package var description: String { "what a hook's scheme is configured with" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    subscript(_ setting: SchemeSetting) -> String? { texts[setting.name] }

    func required(_ setting: SchemeSetting) throws(HookConfigurationError) -> String {
        guard let text = self[setting] else { throw HookConfigurationError(setting.name, "is required") }
        return text
    }

    /// The headers that HTTP itself uses: they hold no secret and no signature.
    private static let headersOfHTTP: Set<String> = [
        "accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "date",
        "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
    ]

    /// A setting that is the name of a header of the sender's own, in lower case.
    func headerName(_ setting: SchemeSetting) throws(HookConfigurationError) -> String {
        let name = try required(setting).lowercased()
        guard name.isHeaderName else { throw HookConfigurationError(setting.name, "must be the name of a header") }
        guard !Self.headersOfHTTP.contains(name) else {
            throw HookConfigurationError(
                setting.name,
                "is '\(name)', which every request may have: name the one that the sender proves itself with")
        }
        return name
    }

    /// The secrets, one at least, as their bytes are.
    func keys() throws(HookConfigurationError) -> [HookSecret] { try keys(mustBe: "text") { Array($0.utf8) } }

    /// The secrets, one at least, which are sent as they are in a header.
    func tokens() throws(HookConfigurationError) -> [HookSecret] {
        try keys(mustBe: "what a header can hold: no control characters, and no blank at the beginning or the end") {
            let bytes = Array($0.utf8)
            let isClean = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            return isClean && bytes.first != 0x20 && bytes.last != 0x20 ? bytes : nil
        }
    }

    /// The keys that the secrets stand for, one at least.
    ///
    /// - Parameter key: `nil`: the secret is none, since it is not what it must be.
    func keys(
        mustBe form: String, _ key: (String) -> [UInt8]?
    ) throws(HookConfigurationError) -> [HookSecret] {
        guard !secrets.isEmpty else { throw HookConfigurationError("secrets", "is required") }
        var keys: [HookSecret] = []
        for (index, secret) in secrets.enumerated() {
            guard let bytes = key(secret) else { throw HookConfigurationError("secrets[\(index)]", "must be \(form)") }
            guard let key = HookSecret(bytes) else { throw HookConfigurationError("secrets[\(index)]", "is empty") }
            keys.append(key)
        }
        return keys
    }

    /// For a scheme that has nothing to check.
    func noSecrets(of scheme: String) throws(HookConfigurationError) {
        guard secrets.isEmpty else {
            throw HookConfigurationError("secrets", "the scheme '\(scheme)' checks nothing")
        }
    }
}
