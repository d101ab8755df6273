import Testing

@testable import AMQPBridge

@Suite("The exchange directory")
struct ExchangeDirectoryTests {
    private let start = MonotonicTime.seconds(100)

    @Test("has an exchange looked up before it is first used, once")
    func looksUpFirst() {
        var directory = ExchangeDirectory()
        #expect(directory.admit("x", now: start) == .lookUp)
        #expect(directory.admit("x", now: start) == .wait)
        #expect(directory.admit("x", now: start + .seconds(60)) == .wait)
        #expect(directory.admit("y", now: start) == .lookUp)
    }

    @Test("lets one publish go alone, and the others when it has proved the exchange")
    func probes() {
        var directory = ExchangeDirectory()
        _ = directory.admit("x", now: start)
        directory.found("x")
        #expect(!directory.isProven("x"))
        #expect(directory.admit("x", now: start) == .publishAsProbe)
        #expect(directory.admit("x", now: start) == .wait)
        directory.proved("x")
        #expect(directory.isProven("x"))
        #expect(directory.admit("x", now: start) == .publish)
        #expect(directory.admit("x", now: start + .seconds(3_600)) == .publish)
        #expect(directory.admit("y", now: start) == .lookUp)
    }

    @Test("sends another probe if the first told nothing")
    func probesAgain() {
        var directory = ExchangeDirectory()
        _ = directory.admit("x", now: start)
        directory.found("x")
        _ = directory.admit("x", now: start)
        directory.probeFailed("x")
        #expect(!directory.isProven("x"))
        #expect(directory.admit("x", now: start) == .publishAsProbe)
        #expect(directory.admit("x", now: start) == .wait)
    }

    @Test("believes in absence for a second, from whatever state it is learnt", arguments: 0..<4)
    func remembersAbsence(state: Int) {
        var directory = directory(in: state)
        directory.isMissing("x", now: start)
        #expect(!directory.isProven("x"))
        #expect(directory.admit("x", now: start) == .absent)
        #expect(directory.admit("x", now: start + .milliseconds(999)) == .absent)
        #expect(directory.admit("x", now: start + .seconds(1)) == .lookUp)
        #expect(directory.admit("x", now: start + .seconds(1)) == .wait)
        directory.found("x")
        #expect(directory.admit("x", now: start + .seconds(1)) == .publishAsProbe)
    }

    @Test("believes in a refusal for a second, from whatever state it is learnt", arguments: 0..<4)
    func remembersRefusal(state: Int) {
        var directory = directory(in: state)
        directory.refuses("x", reason: "no", now: start)
        #expect(!directory.isProven("x"))
        #expect(directory.admit("x", now: start + .milliseconds(999)) == .refused(reason: "no"))
        #expect(directory.admit("x", now: start + .seconds(1)) == .lookUp)
        directory.refuses("x", reason: "still no", now: start + .seconds(1))
        #expect(directory.admit("x", now: start + .seconds(1)) == .refused(reason: "still no"))
    }

    @Test("remembers for exactly one second")
    func memory() {
        #expect(ExchangeDirectory.memory == .seconds(1))
    }

    /// A directory that knows the exchange `x` not at all, as unproven, as being probed, or as proven.
    private func directory(in state: Int) -> ExchangeDirectory {
        var directory = ExchangeDirectory()
        if state > 0 { directory.found("x") }
        if state > 1 { _ = directory.admit("x", now: start) }
        if state > 2 { directory.proved("x") }
        return directory
    }
}
