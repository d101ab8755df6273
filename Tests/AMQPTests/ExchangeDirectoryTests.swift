import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("The exchange directory")
struct ExchangeDirectoryTests {
    private let start = MonotonicTime.seconds(100)

    @Test("has an exchange looked up before it is first used, once")
    func looksUpFirst() {
        var directory = ExchangeDirectory()
        #expect(directory.admit("x", came: start) == .lookUp)
        #expect(directory.admit("x", came: start) == .wait)
        #expect(directory.admit("x", came: start + .seconds(60)) == .wait)
        #expect(directory.admit("y", came: start) == .lookUp)
        #expect(directory.beingLookedUp.sorted() == ["x", "y"])
    }

    @Test("lets one publish go alone, and the others when it has proved the exchange")
    func probes() {
        var directory = ExchangeDirectory()
        _ = directory.admit("x", came: start)
        directory.learn(answer(.usable))
        #expect(directory.admit("x", came: start) == .publishAsProbe)
        #expect(directory.admit("x", came: start) == .wait)
        directory.proved("x")
        #expect(directory.admit("x", came: start) == .publish)
        #expect(directory.admit("x", came: start + .seconds(3_600)) == .publish)
        #expect(directory.admit("y", came: start) == .lookUp)
    }

    @Test("sends another probe if the first told nothing")
    func probesAgain() {
        var directory = ExchangeDirectory()
        _ = directory.admit("x", came: start)
        directory.learn(answer(.usable))
        _ = directory.admit("x", came: start)
        directory.probeFailed("x")
        #expect(directory.admit("x", came: start) == .publishAsProbe)
        #expect(directory.admit("x", came: start) == .wait)
    }

    @Test(
        "tells of absence and refusal only what came before it was looked at, from whatever state it is learnt",
        arguments: 0..<6, [ExchangeAnswer.Finding.absent, .refused(reason: "no")])
    func decidesNothingByMemory(state: Int, finding: ExchangeAnswer.Finding) {
        var directory = directory(in: state)
        directory.learn(answer(finding))
        let told: ExchangeDirectory.Admission = finding == .absent ? .absent : .refused(reason: "no")
        #expect(directory.admit("x", came: start) == told)
        #expect(directory.admit("x", came: start - .seconds(5)) == told)
        let later = start.advanced(byNanoseconds: 1)
        #expect(directory.admit("x", came: later) == .lookUp)
        #expect(directory.admit("x", came: later) == .wait)
        #expect(directory.admit("x", came: start) == told, "what came earlier, while it is looked up again")
        directory.learn(answer(.usable))
        #expect(directory.admit("x", came: later) == .publishAsProbe)
    }

    @Test("does not doubt an exchange that it has proved, because somebody else has found it")
    func keepsProof() {
        var directory = directory(in: 5)
        directory.learn(answer(.usable))
        #expect(directory.admit("x", came: start) == .publish)
        var absent = ExchangeDirectory()
        absent.learn(answer(.absent))
        absent.learn(answer(.usable))
        #expect(absent.admit("x", came: start + .seconds(1)) == .lookUp, "nobody has asked here")
    }

    @Test("looks up again when nobody waited for the answer")
    func withdraws() {
        var directory = ExchangeDirectory()
        _ = directory.admit("x", came: start)
        directory.withdraw("x")
        #expect(directory.beingLookedUp == [])
        #expect(directory.admit("x", came: start) == .lookUp)
        directory.learn(answer(.absent))
        _ = directory.admit("x", came: start + .seconds(1))
        directory.withdraw("x")
        #expect(directory.admit("x", came: start) == .absent)
        #expect(directory.admit("x", came: start + .seconds(1)) == .lookUp)
    }

    private func answer(_ finding: ExchangeAnswer.Finding) -> ExchangeAnswer {
        ExchangeAnswer(exchange: "x", finding: finding, asOf: start)
    }

    /// A directory that knows the exchange `x` not at all, as being looked up, as unproven, as being probed, as proven, or as used.
    private func directory(in state: Int) -> ExchangeDirectory {
        var directory = ExchangeDirectory()
        if state > 0 { _ = directory.admit("x", came: start) }
        if state > 1 { directory.learn(answer(.usable)) }
        if state > 2 { _ = directory.admit("x", came: start) }
        if state > 3 { directory.proved("x") }
        if state > 4 { #expect(directory.admit("x", came: start) == .publish) }
        return directory
    }
}

extension MonotonicTime {
    static func - (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        time.advanced(byNanoseconds: -duration.nanoseconds)
    }
}
