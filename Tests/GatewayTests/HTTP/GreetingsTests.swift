import Testing

@testable import Gateway

@Suite("Greetings")
struct GreetingsTests {
    private var greetings = Greetings()

    @Test("fall asleep when there is nothing to read, and wake when something has come")
    mutating func turns() {
        greetings.opened(1)
        greetings.opened(2)
        let tired = greetings.settle { $0 == 2 }
        #expect(tired == [1])
        #expect(greetings.awake == [2] && greetings.asleep == [1])
        let others = greetings.settle { _ in true }
        #expect(others == [])
        let slept = greetings.heard(1)
        #expect(slept && greetings.awake == [1, 2])
        // It is awake by now.
        let sleeps = greetings.heard(1)
        #expect(!sleeps)
    }

    @Test("are over when something is asked, or nobody is there any more")
    mutating func ends() {
        greetings.opened(1)
        greetings.opened(2)
        _ = greetings.settle { $0 == 2 }
        greetings.ended(1)
        greetings.ended(2)
        greetings.ended(3)
        #expect(greetings.awake.isEmpty && greetings.asleep.isEmpty)
        let slept = greetings.heard(1)
        let tired = greetings.settle { _ in false }
        #expect(!slept && tired == [])
    }

    @Test("all wake when the gateway ends, and none falls asleep again")
    mutating func stop() {
        greetings.opened(1)
        _ = greetings.settle { _ in false }
        let woken = greetings.end()
        let tired = greetings.settle { _ in false }
        let again = greetings.end()
        #expect(woken == [1] && tired == [] && again == [])
    }
}
