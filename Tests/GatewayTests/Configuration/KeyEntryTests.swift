import EventLoop
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
                    name: "a.b_c-D9", digests: [SHA256.Digest(of: "k")], scopes: [.emit, .readRooms], reach: Reach()))
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
        #expect(entry.digests == [SHA256.Digest(of: "k")])
        #expect(entry.scopes == Set(Scope.allCases))
        #expect(entry.reach.namespaces.patterns == ["/", "/chat*"])
        #expect(entry.reach.rooms.patterns == ["user:*"])
        #expect(entry.reach.sockets.patterns == ["*"])
        #expect(entry.reach.events.patterns == ["order.*"])
        // To the end of the day.
        #expect(entry.expires == 1_801_353_600 + 86_400)
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
            (
                "{name: a, sha256: H, scopes: [room:read]}",
                "config:read, or * alone; did you mean 'rooms:read'?"
            ),
            ("{name: a, sha256: [], scopes: [emit]}", "keys[0].sha256 must be a list of texts"),
            ("{name: a, sha256: [H, H], scopes: [emit]}", "keys[0].sha256 has a hash twice"),
            ("{name: a, sha256: [H, Hff], scopes: [emit]}", "keys[0].sha256[1] must be 64 hexadecimal digits"),
            ("{name: a, sha256: [H, E, x], scopes: [emit]}", "keys[0].sha256[2] must be 64 hexadecimal digits"),
            ("{name: a, sha256: [ E, H], scopes: [emit]}", "that of no key at all"),
            ("{name: a, sha256: H, scopes: ['*', emit]}", "or * alone"),
            ("{name: a, sha256: H, scopes: [[emit]]}", "keys[0].scopes must be a list"),
            ("{name: a, sha256: H, scopes: [emit], rooms: []}", "keys[0].rooms must be a list"),
            ("{name: a, sha256: H, scopes: [emit], rooms: }", "keys[0].rooms must be a list"),
            ("{name: a, sha256: H, scopes: [emit], rooms: ['']}", "keys[0].rooms must be a list"),
            (
                "{name: a, sha256: H, scopes: [emit], namespaces: [/, chat]}",
                "keys[0].namespaces has 'chat', but the name of a namespace begins with '/'"
            ),
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
        let listed = "- {name: b, sha256: [\(Self.other), \(Self.hash)], scopes: [emit]}"
        #expect(errorMessage(first + listed)?.hasPrefix("f:3: keys[1].sha256 is another key's, too") == true)
        let third = "\n- {name: c, sha256: \(Self.other), scopes: [emit]}"
        #expect(errorMessage(first + listed + third)?.contains("f:4: keys[2].sha256 is another key's, too") == true)
    }

    @Test("may have several hashes, while one key takes the place of another")
    func rotation() throws {
        let hashes = "[\(Self.other), \(Self.hash.uppercased())]"
        let entry = try #require(try read("{name: a, sha256: \(hashes), scopes: [emit]}").first)
        #expect(entry.digests == ["other", "k"].map { SHA256.Digest(of: $0) })
    }

    @Test("ends with the second that is written, if it is written")
    func ends() throws {
        let entry = try #require(
            try read("{name: a, sha256: \(Self.hash), scopes: [emit], expires: '2027-01-31T00:00:01Z'}").first)
        #expect(entry.expires == 1_801_353_601)
    }

    @Test("shows no key that stands where its hash should")
    func keepsKeys() throws {
        let message = try #require(errorMessage("- {name: a, sha256: sgw_hunter2, scopes: [emit]}"))
        #expect(message.contains("keys[0].sha256"))
        #expect(!message.contains("hunter2"))
        let listed = try #require(errorMessage("- {name: a, sha256: [\(Self.hash), sgw_hunter2], scopes: [emit]}"))
        #expect(listed.contains("keys[0].sha256[1]"))
        #expect(!listed.contains("hunter2") && !listed.contains(Self.hash))
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
        KeyEntry(name: name, digests: [SHA256.Digest(of: name)], scopes: [.emit], rate: rate)
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

    @Test("give each key its share of its rate, and a fresh one when the number of gateways changes")
    func replicas() throws {
        let six = try #require(Rate(6, per: .seconds(1)))
        let first = KeyRing([entry("a", rate: six), entry("b", rate: nil)], replicas: 3)
        #expect(first.keys.map { $0.caller.limit?.rate } == [Rate(2, per: .seconds(1)), nil])
        let same = KeyRing([entry("a", rate: six)], replicas: 3, previous: first)
        #expect(same.keys[0].caller.limit === first.keys[0].caller.limit)
        let other = KeyRing([entry("a", rate: six)], replicas: 2, previous: first)
        #expect(other.keys[0].caller.limit?.rate == Rate(3, per: .seconds(1)))
    }

    @Test("are one caller with one rate, whichever of its hashes came")
    func severalHashes() {
        var entry = entry("a", rate: rate)
        entry.digests = ["new", "old"].map { SHA256.Digest(of: $0) }
        let ring = KeyRing([entry])
        #expect(ring.keys.map(\.digest) == entry.digests && ring.entries.count == 1)
        #expect(ring.keys[0].caller === ring.keys[1].caller)
    }

    @Test("go on with what is known of their use, hash by hash")
    func uses() {
        let first = KeyRing([entry("a", rate: nil), entry("b", rate: nil)])
        first.keys[0].lastUse.note(1)
        first.keys[1].lastUse.note(2)
        #expect(first.lastUses(of: first.entries[0]).map { $0?.seconds } == [1])
        var next = entry("a", rate: nil)
        next.digests = [SHA256.Digest(of: "new")] + next.digests
        let ring = KeyRing([entry("c", rate: nil), next], previous: first)
        #expect(ring.lastUses(of: next).map { $0?.seconds } == [nil, 1])
        #expect(ring.lastUses(of: ring.entries[0]).map { $0?.seconds } == [nil])
    }
}
