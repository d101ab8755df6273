import BrokerFixtures
import EventLoop
import Testing

@testable import AMQP

@Suite("A waitlist")
struct WaitlistTests {
    private struct Waiter: Waiting, Equatable {
        let name: String
        let deadline: MonotonicTime

        init(_ name: String, _ seconds: Double) { (self.name, deadline) = (name, .seconds(seconds)) }
    }

    private func list(_ waiters: Waiter...) -> Waitlist<Waiter> {
        var list = Waitlist<Waiter>()
        for waiter in waiters { list.append(waiter) }
        return list
    }

    @Test("knows the earliest deadline, whoever has it")
    func deadline() {
        var list = list(Waiter("a", 5), Waiter("b", 3), Waiter("c", 4))
        #expect(list.deadline == .seconds(3))
        #expect(list.take { $0.name == "b" } == [Waiter("b", 3)])
        #expect(list.deadline == .seconds(4))
        #expect(list.takeAll().map(\.name) == ["a", "c"])
        #expect(list.deadline == nil && list.isEmpty)
    }

    @Test("gives out whose time is over, in the order in which they came")
    func expires() {
        var list = list(Waiter("a", 5), Waiter("b", 3), Waiter("c", 4))
        #expect(list.expired(now: .seconds(2.9)) == [])
        #expect(list.expired(now: .seconds(4)).map(\.name) == ["b", "c"])
        #expect(list.expired(now: .seconds(4)) == [])
        #expect(list.deadline == .seconds(5) && list.count == 1)
    }

    @Test("lets whoever had waited before wait at the head again, behind those with less time")
    func putsBack() {
        var list = list(Waiter("late", 5), Waiter("later", 6))
        list.putBack([Waiter("a", 3), Waiter("b", 3)])
        #expect(list.waiters.map(\.name) == ["a", "b", "late", "later"])
        list.putBack([Waiter("c", 4)])
        list.putBack([Waiter("d", 9)])
        list.putBack([])
        #expect(list.waiters.map(\.name) == ["a", "b", "c", "late", "later", "d"])
        #expect(list.deadline == .seconds(3))
    }

    @Test("takes nothing where nothing is asked for")
    func takesNothing() {
        var list = Waitlist<Waiter>()
        #expect(list.take { _ in true } == [])
        list.append(Waiter("a", 1))
        #expect(list.take { _ in false } == [])
        #expect(list.count == 1)
    }
}
