import Testing

@testable import AMQPBridge

@MainActor @Suite("A batch")
struct EmitBatchTests {
    private let receipt = Receipt(id: "01J", routed: true)

    @Test("keeps its window: the next emit waits until half of it is free")
    func window() async {
        let batch = EmitBatch(count: 5, window: .init(messages: 4, bytes: 1_000))
        for _ in 0..<4 {
            await batch.room(messages: 1, bytes: 10)
            batch.begin(messages: 1, bytes: 10)
        }
        var settled = 0
        let settling = Task.immediate { @MainActor in
            for index in 0..<4 {
                await Task.yield()
                settled += 1
                batch.finish(index, .success(receipt), messages: 1, bytes: 10)
            }
        }
        await batch.room(messages: 1, bytes: 10)
        // One more may have come in between.
        #expect(settled >= 3)
        batch.settle(4, .failure(.invalid([])))
        await settling.value
        await batch.empty()
        #expect(batch.results == Array(repeating: .success(receipt), count: 4) + [.failure(.invalid([]))])
        #expect(!batch.isUnderWay)
    }

    @Test("has a window of bytes, too")
    func bytes() async {
        let batch = EmitBatch(count: 2, window: .init(messages: 100, bytes: 1_000))
        batch.begin(messages: 1, bytes: 900)
        var isSettled = false
        let settling = Task.immediate { @MainActor in
            await Task.yield()
            isSettled = true
            batch.finish(0, .success(receipt), messages: 1, bytes: 900)
        }
        await batch.room(messages: 1, bytes: 200)
        #expect(isSettled)
        await settling.value
    }

    @Test("lets an emit that is larger than the window go alone")
    func large() async {
        let batch = EmitBatch(count: 1, window: .init(messages: 4, bytes: 100))
        await batch.room(messages: 50, bytes: 1_000)
        batch.begin(messages: 50, bytes: 1_000)
        #expect(batch.isUnderWay)
    }

    @Test(
        "knows when the broker has fallen silent",
        arguments: [
            (.unknown(.confirmTimedOut), true), (.brokerSilent, true), (.unknown(.connectionLost), false),
            (.unknown(.channelClosed), false), (.unknown(.partial), false), (.brokerUnavailable, false),
            (.brokerNack, false), (.overloaded, false),
        ] as [(PublishError, Bool)])
    func silence(error: PublishError, isSilent: Bool) {
        let batch = EmitBatch(count: 2)
        batch.begin(messages: 1, bytes: 1)
        batch.finish(0, .failure(.notPublished(error)), messages: 1, bytes: 1)
        #expect(batch.hasMetSilence == isSilent)
        batch.settle(1, .success(receipt))
        #expect(batch.hasMetSilence == isSilent)
    }

    @Test("counts an emit's messages, too: each is confirmed by itself")
    func messages() async {
        let batch = EmitBatch(count: 3, window: .init(messages: 10, bytes: 1_000))
        batch.begin(messages: 8, bytes: 8)
        await batch.room(messages: 2, bytes: 2)
        var isSettled = false
        let settling = Task.immediate { @MainActor in
            await Task.yield()
            isSettled = true
            batch.finish(0, .success(receipt), messages: 8, bytes: 8)
        }
        await batch.room(messages: 3, bytes: 3)
        #expect(isSettled)
        await settling.value
        #expect(!batch.isUnderWay)
    }
}
