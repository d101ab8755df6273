import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("Look-ups of exchanges")
struct ExchangeLookUpsTests {
    private typealias LookUp = ExchangeLookUps.LookUp

    private let start = MonotonicTime.seconds(100)

    @Test("are begun for who asks, and for nobody else")
    func begins() {
        var lookUps = ExchangeLookUps()
        #expect(lookUps.turn(of: 0, now: start) == .nothing)
        lookUps.ask("x", by: 0)
        #expect(lookUps.turn(of: 1, now: start) == .nothing)
        #expect(lookUps.turn(of: 0, now: start) == .begin(LookUp(exchange: "x", began: start)))
    }

    @Test("are one at a time, whose answer all who have asked meanwhile share")
    func shares() {
        var lookUps = ExchangeLookUps()
        for asker in 0..<3 { lookUps.ask("x", by: asker) }
        let lookUp = LookUp(exchange: "x", began: start)
        #expect(lookUps.turn(of: 1, now: start) == .begin(lookUp))
        #expect(lookUps.turn(of: 0, now: start) == .wait(until: start + .seconds(1)))
        lookUps.ask("x", by: 3)
        #expect(lookUps.answered(lookUp, isUsable: false) == ([0, 1, 2, 3], []))
        #expect(lookUps.turn(of: 0, now: start + .seconds(9)) == .nothing)
    }

    @Test("that fail are 100 ms apart, whoever begins them and whatever they look for")
    func keepsInterval() {
        var lookUps = ExchangeLookUps()
        var (failed, now) = (0, start)
        while now < start + .seconds(1) {
            for asker in 0..<4 {
                for exchange in ["x", "y"] { lookUps.ask(exchange, by: asker) }
                if case .begin(let lookUp) = lookUps.turn(of: asker, now: now) {
                    _ = lookUps.answered(lookUp, isUsable: false)
                    failed += 1
                }
            }
            now = now + .milliseconds(1)
        }
        #expect(failed == 10)
    }

    @Test("say when the next may begin")
    func saysWhen() {
        var lookUps = ExchangeLookUps()
        lookUps.ask("x", by: 0)
        guard case .begin(let lookUp) = lookUps.turn(of: 0, now: start) else { return }
        _ = lookUps.answered(lookUp, isUsable: false)
        lookUps.ask("x", by: 1)
        let next = start + .milliseconds(100)
        #expect(lookUps.turn(of: 1, now: start + .milliseconds(5)) == .wait(until: next))
        #expect(lookUps.turn(of: 1, now: next) == .begin(LookUp(exchange: "x", began: next)))
    }

    @Test("that find something are not held up, and a publish that failed counts as one that found nothing")
    func holdsUpOnlyAfterFailures() {
        var lookUps = ExchangeLookUps()
        for exchange in ["x", "y", "z"] { lookUps.ask(exchange, by: 0) }
        for exchange in ["x", "y"] {
            let lookUp = LookUp(exchange: exchange, began: start)
            #expect(lookUps.turn(of: 0, now: start) == .begin(lookUp))
            #expect(lookUps.answered(lookUp, isUsable: true).told == [0])
        }
        lookUps.hasFailed(now: start)
        #expect(lookUps.turn(of: 0, now: start) == .wait(until: start + .milliseconds(100)))
    }

    @Test("take turns among exchanges")
    func isFair() {
        var lookUps = ExchangeLookUps()
        var begun: [String] = []
        for step in 0..<6 {
            for exchange in ["x", "y", "z"] { lookUps.ask(exchange, by: 0) }
            guard case .begin(let lookUp) = lookUps.turn(of: 0, now: start + .milliseconds(100 * step)) else { break }
            begun.append(lookUp.exchange)
            _ = lookUps.answered(lookUp, isUsable: false)
        }
        #expect(begun.sorted() == ["x", "x", "y", "y", "z", "z"])
    }

    @Test("take turns among askers, too, whoever of them comes first")
    func isFairToAskers() {
        for order in [[0, 1], [1, 0]] {
            var lookUps = ExchangeLookUps()
            var (begun, now): ([String], MonotonicTime) = ([], start)
            while now < start + .seconds(1) {
                for asker in order {
                    lookUps.ask("x\(asker)", by: asker)
                    guard case .begin(let lookUp) = lookUps.turn(of: asker, now: now) else { continue }
                    begun.append(lookUp.exchange)
                    let (told, next) = lookUps.answered(lookUp, isUsable: false)
                    #expect(told == [asker])
                    // Whoever waits for the other one is told that there is a turn.
                    if begun.count > 1 { #expect(next == [1 - asker]) }
                }
                now = now + .milliseconds(1)
            }
            #expect(begun.count == 10)
            #expect(begun.count { $0 == "x0" } == 5)
        }
    }

    @Test("are taken over when the connection that carries one out is gone, or says nothing for a second")
    func isTakenOver() {
        var lookUps = ExchangeLookUps()
        for asker in 0..<3 { lookUps.ask("x", by: asker) }
        _ = lookUps.turn(of: 0, now: start)
        #expect(lookUps.leave(1) == [], "it was not its own")
        #expect(lookUps.leave(0) == [2])
        #expect(lookUps.turn(of: 0, now: start) == .nothing)
        #expect(lookUps.turn(of: 2, now: start) == .begin(LookUp(exchange: "x", began: start)))
        lookUps.ask("x", by: 1)
        let late = start + .seconds(1)
        #expect(lookUps.turn(of: 1, now: late) == .begin(LookUp(exchange: "x", began: late)))
        // The first comes after all: true as of its time, and the other is still under way.
        #expect(lookUps.answered(LookUp(exchange: "x", began: start), isUsable: false).told == [1, 2])
        lookUps.ask("x", by: 2)
        #expect(lookUps.turn(of: 2, now: late) == .wait(until: late + .seconds(1)))
    }

    @Test("end when nobody waits any more")
    func withdraws() {
        var lookUps = ExchangeLookUps()
        lookUps.ask("x", by: 0)
        lookUps.ask("x", by: 1)
        lookUps.withdraw("x", by: 0)
        lookUps.withdraw("y", by: 0)
        #expect(lookUps.turn(of: 0, now: start) == .nothing)
        #expect(lookUps.turn(of: 1, now: start) == .begin(LookUp(exchange: "x", began: start)))
    }
}
