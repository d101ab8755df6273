import Testing

@testable import Gateway

@Suite("Greetings")
struct GreetingsTests {
    private var greetings = Greetings()

    @Test("fall asleep when there is nothing to read, and wake when something has come")
    mutating func turns() {
        greetings.opened(1)
        greetings.opened(2)
        #expect(greetings.settle { $0 == 2 } == [1])
        #expect(greetings.awake == [2] && greetings.asleep == [1])
        #expect(greetings.settle { _ in true } == [])
        #expect(greetings.heard(1) && greetings.awake == [1, 2])
        // It is awake by now.
        #expect(!greetings.heard(1))
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
        #expect(!greetings.heard(1) && greetings.settle { _ in false } == [])
    }

    @Test("all wake when the gateway ends, and none falls asleep again")
    mutating func stop() {
        greetings.opened(1)
        _ = greetings.settle { _ in false }
        #expect(greetings.end() == [1])
        #expect(greetings.settle { _ in false } == [])
        #expect(greetings.end() == [])
    }
}
