import EventLoop
import Hashing
import JSON
import Routes
import Testing

@testable import Gateway

@Suite("keys create")
struct KeysCreateCommandTests {
    private static let now = 1_800_000_000

    @Test("makes keys that nobody can guess, and everybody can recognise")
    func freshKeys() {
        let keys = (0..<1_000).map { _ in KeyEntry.freshKey() }
        #expect(Set(keys).count == keys.count)
        for key in keys {
            #expect(key.wholeMatch(of: #/sgw_[A-Za-z0-9_-]{43}/#) != nil, "\(key)")
        }
        // Of 43,000 characters each of the 64 is there.
        #expect(Set(keys.flatMap { $0.dropFirst(4) }).count == 64)
    }

    @Test("needs a name and a scope", arguments: [["--name", "a"], ["--scope", "emit"], []])
    func required(arguments: [String]) {
        #expect(throws: (any Error).self) { try GatewayCommand.parseAsRoot(["keys", "create"] + arguments) }
    }

    @Test(
        "refuses what the file would refuse, in the words of the command line",
        arguments: [
            (["--name", "a b"], "--name must be 1 to 64 letters"),
            (["--name", "api-key"], "--name is that of GATEWAY_API_KEY's key"),
            (["--scope", "emits"], "--scopes has 'emits', which is none of emit, sockets:read"),
            (["--scope", "emits"], "; did you mean 'emit'?"),
            (["--scopes", "emit,rooms:reed"], "; did you mean 'rooms:read'?"),
            (["--scope", "*", "--scope", "emit"], "or * alone"),
            (["--scopes", "emit,"], "--scopes is 'emit,', where something is missing"),
            (["--expires", "tomorrow"], "--expires is 'tomorrow', but must be a day or a time"),
            (["--expires", "90"], "or how long from now, at most thirty years: 12h, 90d or 4w"),
            (["--expires", "0d"], "--expires is '0d', but must be"), (["--expires=-1d"], "--expires is '-1d', but"),
            (["--expires", "2027-01-14"], "--expires is '2027-01-14', which is in the past"),
            (["--expires", "2027-01-15T08:00:00Z"], "which is in the past"),
            (["--expires", "9999w"], "at most thirty years"),
            (["--rate", "1"], "--rate is '1', but must be a number for a second"),
            (["--burst", "1"], "--burst needs a rate"),
            (["--rate", "1/s", "--burst", "x"], "--burst is 'x', but must be a number"),
            (["--room", ""], "--room is empty"), (["--rooms", ""], "--rooms is '', where something is missing"),
            (["--events", "a,,b"], "--events is 'a,,b'"), (["--rooms", "a, "], "--rooms is 'a, '"),
        ])
    func refused(arguments: [String], detail: String) throws {
        let error = #expect(throws: (any Error).self) { _ = try entry(arguments) }
        let message = GatewayCommand.message(for: try #require(error))
        #expect(message.contains(detail), "\(message)")
        #expect(!message.contains("keys[0]") && !message.contains("sha256"))
    }

    @Test("says everything that is wrong at once")
    func severalFaults() throws {
        let error = #expect(throws: (any Error).self) { _ = try entry(["--name", "a b", "--rate", "x"]) }
        let message = GatewayCommand.message(for: try #require(error))
        #expect(message.contains("--name must") && message.contains("--rate is 'x'"))
    }

    @Test("takes lists with commas, and single globs as they are")
    func lists() throws {
        let entry = try entry([
            "--scope", "emit", "--scopes", "rooms:read, servers:read", "--rooms", "a, b*,c", "--room", "d,e ",
            "--room=-f", "--events", "x", "--sockets=-y,z", "--namespaces", "/,/chat", "--namespace", "/x",
        ])
        let read = try #require(try ConfigurationFile(path: "", Array("keys:\n\(entry.yaml)".utf8)).keys.first)
        #expect(read.scopes == [.emit, .readRooms, .readServers])
        #expect(Set(read.reach.rooms.patterns) == ["a", "b*", "c", "d,e ", "-f"])
        #expect(read.reach.events.patterns == ["x"])
        #expect(read.reach.sockets.patterns == ["-y", "z"])
        #expect(Set(read.reach.namespaces.patterns) == ["/", "/chat", "/x"])
    }

    @Test(
        "takes an end as a day, as a time, and as so long from now",
        arguments: [
            // Now is 2027-01-15T08:00:00Z.
            ("2027-01-15", 1_800_057_600), ("2027-01-15T08:00:01Z", 1_800_000_001), ("1h", 1_800_003_600),
            ("12h", 1_800_043_200), ("90d", 1_807_776_000), ("4w", 1_802_419_200), ("9999-12-31", 253_402_300_799),
        ])
    func ends(text: String, seconds: Int) throws {
        let entry = try entry(["--expires", text])
        let read = try #require(try ConfigurationFile(path: "", Array("keys:\n\(entry.yaml)".utf8)).keys.first)
        #expect(read.expires == seconds)
    }

    @Test("prints JSON that the file takes, too")
    func json() throws {
        let entry = try entry(["--rooms", "\"é\",b", "--expires", "2099-01-31", "--rate", "5/s", "--burst", "7"])
        let document = try JSONDocument(parsing: Array(entry.json(with: "k").utf8))
        #expect(document.root.member("key")?.string == "k")
        let text = entry.json(with: "k").split(separator: "\"entry\":")[1].dropLast()
        let keys = try ConfigurationFile(path: "", Array("keys: [\(text)]".utf8)).keys
        #expect(keys == (try ConfigurationFile(path: "", Array("keys:\n\(entry.yaml)".utf8)).keys))
        #expect(keys.first?.digests == [SHA256.Digest(of: "k")] && keys.first?.rate?.burst == 7)
        #expect(text.contains("\"burst\":7"))
    }

    /// With a name and a scope, unless they are given.
    private func entry(_ arguments: [String]) throws -> NewKeyEntry {
        let name = arguments.contains("--name") ? [] : ["--name", "a"]
        let scope = arguments.contains { $0.hasPrefix("--scope") } ? [] : ["--scope", "emit"]
        let command = try GatewayCommand.parseAsRoot(["keys", "create"] + name + scope + arguments)
        return try #require(command as? KeysCreateCommand).entry(for: "k", now: Self.now)
    }
}

@Suite("keys hash")
struct KeysHashCommandTests {
    @Test(
        "takes a key without the line break at its end", arguments: ["k", "k\n", "k\r\n", "a b\n", "é😀", "Bearer k\n"])
    func keys(text: String) throws {
        let key = try KeysHashCommand.key(in: Array(text.utf8))
        #expect(key == text.filter { !$0.isNewline })
    }

    @Test(
        "refuses what no header can bring",
        arguments: [
            ("", "there is no key"), ("\n", "there is no key"), ("\r\n", "there is no key"),
            ("k\n\n", "line breaks"), ("k\nl\n", "line breaks"), ("\nk", "line breaks"), ("k\tl", "control"),
            ("k\0", "control"), ("k\u{7F}", "control"), (" k", "begins or ends with a space"), ("k \n", "a space"),
        ])
    func refused(text: String, detail: String) throws {
        let error = #expect(throws: (any Error).self) { _ = try KeysHashCommand.key(in: Array(text.utf8)) }
        #expect("\(try #require(error))".contains(detail))
    }

    @Test("refuses what is not UTF-8")
    func bytes() {
        #expect(throws: (any Error).self) { _ = try KeysHashCommand.key(in: [0xFF]) }
    }
}
