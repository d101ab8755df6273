import Testing

@testable import Gateway

@Suite("keys create")
struct KeysCommandTests {
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
        "refuses what the file would refuse",
        arguments: [
            ["--name", "a b", "--scope", "emit"], ["--name", "a", "--scope", "emits"],
            ["--name", "a", "--scope", "emit", "--expires", "tomorrow"],
            ["--name", "a", "--scope", "emit", "--rate", "1"],
            ["--name", "a", "--scope", "emit", "--burst", "1"], ["--name", "api-key", "--scope", "emit"],
            ["--name", "a", "--scope", "emit", "--room", ""], ["--name", "a", "--scope", "*", "--scope", "emit"],
        ])
    func refused(arguments: [String]) throws {
        var command = try GatewayCommand.parseAsRoot(["keys", "create"] + arguments)
        #expect(throws: (any Error).self) { try command.run() }
    }
}
