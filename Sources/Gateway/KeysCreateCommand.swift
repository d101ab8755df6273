internal import AMQPBridge
internal import ArgumentParser
internal import EventLoop
internal import Routes

/// `socketio-gateway keys create`
struct KeysCreateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a key, and its entry for the configuration file.",
        discussion: """
            The first line is the key. It is shown this once and kept nowhere: the entry has only its hash. \
            Scopes: \(Scope.allCases.map(\.rawValue).joined(separator: ", ")), or '*' for all.

            Where there are two options for globs, the one in the plural takes several with commas between them, and leaves out \
            the spaces around them; the other one takes a single glob as it is. All may be repeated.
            """)

    @Option(help: "What the key is called in logs: letters, digits, '.', '_', '-'.")
    var name: String

    @Option(
        name: [.customLong("scope"), .customLong("scopes")],
        help: "What it may do: one or, with commas between them, several; may be repeated.",
        completion: .choices(Scope.allCases.map(\.rawValue)))
    var scopes: [String]

    @Option(
        name: .customLong("namespace"), parsing: .unconditionalSingleValue,
        help: "A glob for namespaces. (default: *)")
    var singleNamespaces: [String] = []

    @Option(name: .customLong("namespaces"), parsing: .unconditionalSingleValue, help: "Globs for namespaces.")
    var listedNamespaces: [String] = []

    @Option(
        name: .customLong("room"), parsing: .unconditionalSingleValue,
        help: "A glob for rooms, and for socket ids where a room may stand. (default: *)")
    var singleRooms: [String] = []

    @Option(name: .customLong("rooms"), parsing: .unconditionalSingleValue, help: "Globs for rooms.")
    var listedRooms: [String] = []

    @Option(
        name: .customLong("socket"), parsing: .unconditionalSingleValue,
        help: "A glob for socket ids. (default: as for rooms)")
    var singleSockets: [String] = []

    @Option(name: .customLong("sockets"), parsing: .unconditionalSingleValue, help: "Globs for socket ids.")
    var listedSockets: [String] = []

    @Option(
        name: .customLong("event"), parsing: .unconditionalSingleValue, help: "A glob for events. (default: *)")
    var singleEvents: [String] = []

    @Option(name: .customLong("events"), parsing: .unconditionalSingleValue, help: "Globs for events.")
    var listedEvents: [String] = []

    @Option(
        help: """
            When it ends: at the end of a day such as 2027-01-31 (in UTC), at a time such as 2027-01-31T12:00:00Z, or so long from \
            now: 12h, 90d or 4w.
            """)
    var expires: String?

    @Option(help: "How many requests it may send: 100/s, 600/m or 1000/h.")
    var rate: String?

    @Option(help: "How many at once. (default: as many as the rate says)")
    var burst: String?

    @Flag(help: "Print the key and its entry as one line of JSON.")
    var json = false

    func run() throws {
        let key = KeyEntry.freshKey()
        let entry = try entry(for: key, now: Int(UnixTime.now()))
        print(json ? entry.json(with: key) : "\(key)\n\n\(entry.yaml)", terminator: json ? "\n" : "")
    }

    /// - Parameter now: seconds since 1970.
    func entry(for key: String, now: Int) throws -> NewKeyEntry {
        let entry = NewKeyEntry(
            name: name, key: key,
            lists: [
                "scopes": try Self.parts(of: scopes, "--scopes"),
                "namespaces": try Self.globs(singleNamespaces, listedNamespaces, "--namespace"),
                "rooms": try Self.globs(singleRooms, listedRooms, "--room"),
                "sockets": try Self.globs(singleSockets, listedSockets, "--socket"),
                "events": try Self.globs(singleEvents, listedEvents, "--event"),
            ],
            values: [
                "expires": try expires.map { try Self.end($0, now: now) }, "rate": rate, "burst": burst,
            ])
        // Read as it will be: whatever the file would refuse is refused here.
        let faults = entry.faults.map { "--\($0.member) \($0.detail)" }
        guard faults.isEmpty else { throw ValidationError(faults.joined(separator: "\n")) }
        return entry
    }

    private static func globs(_ single: [String], _ listed: [String], _ flag: String) throws -> [String] {
        if single.contains("") { throw ValidationError("\(flag) is empty; the glob for all is '*'") }
        return try single + parts(of: listed, flag + "s")
    }

    /// The parts of the lists, between commas.
    private static func parts(of lists: [String], _ flag: String) throws -> [String] {
        try lists.flatMap { list in
            let parts = list.split(separator: ",", omittingEmptySubsequences: false).map {
                String($0.withoutSpaceAround)
            }
            guard !parts.contains("") else {
                throw ValidationError(
                    "\(flag) is '\(list)', where something is missing before, between or after commas")
            }
            return parts
        }
    }

    /// The end of the key, as it is written into the entry.
    private static func end(_ text: String, now: Int) throws -> String {
        if let length = length(text) { return UTCTime(seconds: now + Int(length.components.seconds)).description }
        guard let end = UTCTime(endOf: text) else {
            throw ValidationError(
                "--expires is '\(text)', but must be \(KeyEntry.endsInWords), or how long from now, at most thirty years: "
                    + "12h, 90d or 4w")
        }
        guard end.seconds > now else {
            throw ValidationError("--expires is '\(text)', which is in the past: the key would open nothing")
        }
        return text
    }

    /// The time from now to the end; a number without a unit is refused.
    private static func length(_ text: String) -> Duration? {
        guard text.utf8.last.map({ !(48...57).contains($0) }) == true, let length = Duration(text: text) else {
            return nil
        }
        return length >= .seconds(1) ? length : nil
    }
}
