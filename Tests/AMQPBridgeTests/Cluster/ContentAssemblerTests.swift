import Testing

@testable import AMQPBridge

@Suite("The content assembler")
final class ContentAssemblerTests {
    private var assembler = ContentAssembler(maximumBytes: 10)

    @Test("puts a message together from its pieces")
    func assembles() {
        expectNothing(.delivered(consumerTag: "t"), on: 1)
        expectNothing(.header(messageID: "m", correlationID: "c", bodySize: 5), on: 1)
        expectNothing(.content([1, 2]), on: 1)
        expectNothing(.content([]), on: 1)
        let message = take(.content([3, 4, 5]), on: 1)
        #expect(message?.source == .delivery(consumerTag: "t"))
        #expect(message?.messageID == "m")
        #expect(message?.correlationID == "c")
        #expect(message?.body == [1, 2, 3, 4, 5])
    }

    @Test("has an empty message with its header")
    func empty() {
        take(.delivered(consumerTag: "t"), on: 1)
        let message = take(.header(messageID: "", correlationID: "c", bodySize: 0), on: 1)
        #expect(message?.correlationID == "c")
        #expect(message?.body == [])
        expectNothing(.content([1]), on: 1)
    }

    @Test("keeps channels apart")
    func channels() {
        for channel in [1, 2] as [UInt16] {
            take(.delivered(consumerTag: "t\(channel)"), on: channel)
            take(.header(messageID: "", correlationID: "\(channel)", bodySize: 2), on: channel)
        }
        expectNothing(.content([1]), on: 1)
        expectNothing(.content([2]), on: 2)
        let again = take(.content([1]), on: 1)
        #expect(again?.body == [1, 1])
        let second = take(.content([2]), on: 2)
        #expect(second?.body == [2, 2])
        #expect(second?.source == .delivery(consumerTag: "t2"))
    }

    @Test("may take less on one channel than on the others")
    func limitOfChannel() {
        assembler = ContentAssembler(maximumBytes: 10, on: [2: 3])
        for (channel, isKept) in [(1, true), (2, false)] as [(UInt16, Bool)] {
            take(.delivered(consumerTag: "t"), on: channel)
            take(.header(messageID: "", bodySize: 4), on: channel)
            let message = take(.content([1, 2, 3, 4]), on: channel)
            #expect(message?.isTooLong == !isKept)
            #expect(message?.body == (isKept ? [1, 2, 3, 4] : []))
        }
    }

    @Test(
        "drops what a message says that is too long, and goes on behind it",
        arguments: [(10, true), (11, false), (.max, false)])
    func limit(size: UInt64, isKept: Bool) {
        take(.delivered(consumerTag: "t"), on: 1)
        expectNothing(.header(messageID: "", bodySize: size), on: 1)
        guard size < 100 else { return }
        expectNothing(.content(Array(repeating: 1, count: Int(size) - 1)), on: 1)
        let message = take(.content([1]), on: 1)
        #expect(message?.isTooLong == !isKept)
        #expect(message?.body.count == (isKept ? Int(size) : 0))
        #expect(message?.size == size)
        take(.delivered(consumerTag: "t"), on: 1)
        take(.header(messageID: "", bodySize: 1), on: 1)
        let again = take(.content([7]), on: 1)
        #expect(again?.body == [7])
    }

    @Test("tells of a return, however long it is, and keeps none of it")
    func returns() {
        take(.returned, on: 1)
        expectNothing(.header(messageID: "m", bodySize: 20), on: 1)
        let message = take(.content(Array(repeating: 1, count: 20)), on: 1)
        #expect(message?.source == .returned)
        #expect(message?.messageID == "m")
        #expect(message?.body == [])
        #expect(message?.isTooLong == false)
    }

    @Test("makes nothing of pieces that belong to nothing")
    func strays() {
        expectNothing(.header(messageID: "m", bodySize: 0), on: 1)
        expectNothing(.content([1]), on: 1)
        expectNothing(.confirmSelected, on: 1)
    }

    @discardableResult
    private func take(_ frame: InboundFrame, on channel: UInt16) -> ContentAssembler.Message? {
        assembler.take(frame, on: channel)
    }

    private func expectNothing(
        _ frame: InboundFrame, on channel: UInt16, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(take(frame, on: channel) == nil, sourceLocation: sourceLocation)
    }
}
