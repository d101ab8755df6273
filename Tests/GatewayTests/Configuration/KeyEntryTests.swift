import Hashing
import Testing

@testable import Gateway
@testable import Routes

@Suite("A key's entry")
struct KeyEntryTests {
    private static let hash = SHA256.Digest(of: "k").hexadecimal
    private static let other = SHA256.Digest(of: "other").hexadecimal

    @Test("may have a name, a hash and scopes only")
    func least() throws {
        let entry = try #require(try read("{name: a.b_c-D9, sha256: \(Self.hash), scopes: [emit, 'rooms:read']}").first)
        #expect(
            entry
                == KeyEntry(
                    name: "a.b_c-D9", digest: SHA256.Digest(of: "k"), scopes: [.emit, .readRooms], reach: Reach()))
        #expect(entry.expires == nil && entry.rate == nil)
    }

    @Test("may have everything")
    func most() throws {
        let text = """
            - name: a
              sha256: \(Self.hash.uppercased())
              scopes: '*'
              namespaces: [/, /chat*]
              rooms: user:*
              sockets: ["*"]
              events: [order.*]
              expires: 2027-01-31
              rate: 600/m
              burst: 50
            """
        let entry = try #require(try list(text).first)
        #expect(entry.digest == SHA256.Digest(of: "k"))
        #expect(entry.scopes == Set(Scope.allCases))
        #expect(entry.reach.namespaces.patterns == ["/", "/chat*"])
        #expect(entry.reach.rooms.patterns == ["user:*"])
        #expect(entry.reach.sockets.patterns == ["*"])
        #expect(entry.reach.events.patterns == ["order.*"])
        #expect(entry.expires == 1_801_353_600)
        #expect(entry.rate == Rate(600, per: .seconds(60), burst: 50))
    }

    @Test("binds sockets' ids like rooms, unless it says otherwise")
    func sockets() throws {
        let entry = try #require(try read("{name: a, sha256: \(Self.hash), scopes: [emit], rooms: [x*]}").first)
        #expect(entry.reach.sockets.patterns == ["x*"])
    }

    @Test(
        "has a rate in seconds, minutes or hours",
        arguments: [("100/s", 100, 1), ("600/m", 600, 60), ("1000/h", 1_000, 3_600), ("1/h", 1, 3_600)])
    func rates(text: String, count: Int, seconds: Int) throws {
        let entry = try #require(try read("{name: a, sha256: \(Self.hash), scopes: [emit], rate: \(text)}").first)
        #expect(entry.rate == Rate(count, per: .seconds(seconds)))
        #expect(entry.rate?.text == text)
    }

    @Test(
        "is refused when something is missing or wrong",
        arguments: [
            ("{sha256: H, scopes: [emit]}", "keys[0] has no name"),
            ("{name: a, scopes: [emit]}", "keys[0] has no sha256"),
            ("{name: a, sha256: H}", "keys[0] has no scopes"),
            ("{name: '', sha256: H, scopes: [emit]}", "keys[0].name must be text"),
            ("{name: a b, sha256: H, scopes: [emit]}", "keys[0].name must be 1 to 64"),
            ("{name: é, sha256: H, scopes: [emit]}", "keys[0].name must be 1 to 64"),
            ("{name: api-key, sha256: H, scopes: [emit]}", "is that of GATEWAY_API_KEY's key"),
            ("{name: a, sha256: Hff, scopes: [emit]}", "64 hexadecimal digits"),
            ("{name: a, sha256: E, scopes: [emit]}", "that of no key at all"),
            ("{name: a, sha256: H, scopes: []}", "keys[0].scopes must be a list"),
            ("{name: a, sha256: H, scopes: }", "keys[0].scopes must be a list"),
            ("{name: a, sha256: H, scopes: [Emit]}", "has 'Emit', which is none of emit, sockets:read"),
            ("{name: a, sha256: H, scopes: ['*', emit]}", "or * alone"),
            ("{name: a, sha256: H, scopes: [[emit]]}", "keys[0].scopes must be a list"),
            ("{name: a, sha256: H, scopes: [emit], rooms: []}", "keys[0].rooms must be a list"),
            ("{name: a, sha256: H, scopes: [emit], rooms: }", "keys[0].rooms must be a list"),
            ("{name: a, sha256: H, scopes: [emit], rooms: ['']}", "keys[0].rooms must be a list"),
            ("{name: a, sha256: H, scopes: [emit], sockets: {}}", "keys[0].sockets must be a list"),
            ("{name: a, sha256: H, scopes: [emit], room: a}", "'keys[0].room' is no setting; did you mean 'rooms'?"),
            ("{name: a, sha256: H, scopes: [emit], expires: tomorrow}", "is 'tomorrow', but must be a day or a time"),
            ("{name: a, sha256: H, scopes: [emit], expires: }", "keys[0].expires must be text"),
            ("{name: a, sha256: H, scopes: [emit], rate: 100}", "a number for a second, a minute or an hour"),
            ("{name: a, sha256: H, scopes: [emit], rate: 0/s}", "a number for"),
            ("{name: a, sha256: H, scopes: [emit], rate: -1/s}", "a number for"),
            ("{name: a, sha256: H, scopes: [emit], rate: 1/d}", "a number for"),
            ("{name: a, sha256: H, scopes: [emit], rate: 9223372036854775808/s}", "a number for"),
            ("{name: a, sha256: H, scopes: [emit], rate: 9223372036854775807/h}", "a number for"),
            ("{name: a, sha256: H, scopes: [emit], burst: 5}", "keys[0].burst needs a rate"),
            ("{name: a, sha256: H, scopes: [emit], rate: 1/s, burst: 0}", "a number from 1 to 1000000"),
            ("{name: a, sha256: H, scopes: [emit], rate: 1/h, burst: 1000000}", "in a year"),
        ])
    func refused(text: String, detail: String) throws {
        let text = text.replacing("H", with: Self.hash).replacing(" E,", with: " \(SHA256.Digest(of: "").hexadecimal),")
        let message = try #require(errorMessage("- \(text)"))
        #expect(message.hasPrefix("f:2: "), "\(message)")
        #expect(message.contains(detail), "\(message)")
    }

    @Test("is the only one with its name and its hash")
    func unique() throws {
        let first = "- {name: a, sha256: \(Self.hash), scopes: [emit]}\n"
        let name = try #require(errorMessage(first + "- {name: a, sha256: \(Self.other), scopes: [emit]}"))
        #expect(name == "f:3: keys[1].name is another key's, too")
        let hash = try #require(errorMessage(first + "- {name: b, sha256: \(Self.hash.uppercased()), scopes: [emit]}"))
        #expect(hash.hasPrefix("f:3: keys[1].sha256 is another key's, too"))
    }

    @Test("shows no key that stands where its hash should")
    func keepsKeys() throws {
        let message = try #require(errorMessage("- {name: a, sha256: sgw_hunter2, scopes: [emit]}"))
        #expect(message.contains("keys[0].sha256"))
        #expect(!message.contains("hunter2"))
    }

    private func read(_ entry: String) throws -> [KeyEntry] { try list("- \(entry)") }

    private func list(_ entries: String) throws -> [KeyEntry] {
        try ConfigurationFile(path: "f", Array("keys:\n\(entries)\n".utf8)).keys
    }

    private func errorMessage(_ entries: String) -> String? {
        do {
            _ = try list(entries)
            return nil
        } catch {
            return "\(error)"
        }
    }
}

@Suite("The keys of a configuration")
struct KeyRingTests {
    private let rate = Rate(1, per: .seconds(3_600))

    private func entry(_ name: String, rate: Rate?) -> KeyEntry {
        KeyEntry(name: name, digest: SHA256.Digest(of: name), scopes: [.emit], rate: rate)
    }

    @Test("go on with their rates when they are read again, as far as these are the same")
    func rates() {
        let first = KeyRing([entry("a", rate: rate), entry("b", rate: rate), entry("c", rate: nil)])
        for key in first.keys { _ = key.caller.limit?.take(now: .init(nanoseconds: 0)) }
        let next = KeyRing(
            [entry("c", rate: rate), entry("b", rate: Rate(2, per: .seconds(1))), entry("a", rate: rate)],
            previous: first)
        let remaining = next.keys.map { $0.caller.limit?.state(now: .init(nanoseconds: 0)).remaining }
        #expect(remaining == [1, 2, 0])
        #expect(next.keys[2].caller.limit === first.keys[0].caller.limit)
    }
}
