import Testing

@testable import Routes

@Suite("An event's id")
struct EventIDTests {
    @Test("is read as it is written")
    func written() {
        let id = EventID(epoch: "3k9", number: 42)
        #expect(id.description == "3k9-42")
        #expect(EventID("3k9-42") == id)
    }

    @Test(
        "is not what has another form",
        arguments: ["", "-", "3k9", "3k9-", "-42", "3k9-x", "3k9--1", "a-b-1", "3k9-1 "])
    func faulty(text: String) {
        #expect(EventID(text) == nil)
    }

    @Test("has an epoch that is another one each time, and as long")
    func epochs() {
        let epochs = (0..<100).map { _ in EventID.randomEpoch() }
        #expect(Set(epochs).count == 100 && epochs.allSatisfy { $0.utf8.count == 13 && !$0.contains("-") })
    }
}
