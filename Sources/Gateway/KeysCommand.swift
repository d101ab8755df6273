internal import ArgumentParser
internal import Hashing
internal import Routes

/// `socketio-gateway keys`
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Make keys for callers.", subcommands: [Create.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key, and its entry for the configuration file.",
            discussion: """
                The first line is the key. It is shown this once and kept nowhere: the entry has only its hash. \
                Scopes: \(Scope.allCases.map(\.rawValue).joined(separator: ", ")), or '*' for all.
                """)

        @Option(help: "What the key is called in logs: letters, digits, '.', '_', '-'.")
        var name: String

        @Option(name: .customLong("scope"), help: "What it may do; may be repeated.")
        var scopes: [String]

        @Option(
            name: .customLong("namespace"), parsing: .unconditionalSingleValue,
            help: "A glob for namespaces; may be repeated. (default: *)")
        var namespaces: [String] = []

        @Option(
            name: .customLong("room"), parsing: .unconditionalSingleValue,
            help: "A glob for rooms, and for socket ids where a room may stand; may be repeated. (default: *)")
        var rooms: [String] = []

        @Option(
            name: .customLong("socket"), parsing: .unconditionalSingleValue,
            help: "A glob for socket ids; may be repeated. (default: as for rooms)")
        var sockets: [String] = []

        @Option(
            name: .customLong("event"), parsing: .unconditionalSingleValue,
            help: "A glob for events; may be repeated. (default: *)")
        var events: [String] = []

        @Option(help: "When it ends: 2027-01-31, or 2027-01-31T12:00:00Z.")
        var expires: String?

        @Option(help: "How many requests it may send: 100/s, 600/m or 1000/h.")
        var rate: String?

        @Option(help: "How many at once. (default: as many as the rate says)")
        var burst: String?

        func run() throws {
            let key = KeyEntry.freshKey()
            let entry = entry(for: key)
            // Read as it will be: whatever the file would refuse is refused here.
            do throws(ConfigurationError) {
                _ = try ConfigurationFile(path: "keys create", Array("keys:\n\(entry)".utf8))
            } catch {
                throw ValidationError(error.description)
            }
            print("\(key)\n\n\(entry)", terminator: "")
        }

        private func entry(for key: String) -> String {
            var text = "  - name: \(ConfigurationText.quoted(name))\n"
            text += "    sha256: \(SHA256.Digest(of: key).hexadecimal)\n"
            for (member, texts) in [
                ("scopes", scopes), ("namespaces", namespaces), ("rooms", rooms), ("sockets", sockets),
                ("events", events),
            ] where !texts.isEmpty {
                text += "    \(member): [\(texts.map(ConfigurationText.quoted).joined(separator: ", "))]\n"
            }
            for (member, value) in [("expires", expires), ("rate", rate), ("burst", burst)] {
                if let value { text += "    \(member): \(ConfigurationText.quoted(value))\n" }
            }
            return text
        }
    }
}
