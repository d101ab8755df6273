import Testing

@testable import AMQP

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
        #expect(!assembler.isOutOfOrder)
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

    @Test("makes nothing of pieces that belong to nothing, and says so")
    func strays() {
        expectNothing(.confirmSelected, on: 1)
        #expect(!assembler.isOutOfOrder)
        for stray in [.header(messageID: "m", bodySize: 0), .content([1]), .body(count: 1)] as [InboundFrame] {
            assembler = ContentAssembler(maximumBytes: 10)
            expectNothing(stray, on: 1)
            #expect(assembler.isOutOfOrder, "\(stray)")
        }
    }

    @Test("says that frames are out of order, whichever of a message is missing", arguments: [true, false])
    func missingFrames(isReturn: Bool) {
        let header = InboundFrame.header(messageID: "7", bodySize: 2)
        let whole: [InboundFrame] =
            isReturn
            ? [.returned, header, .body(count: 1), .body(count: 1), .acknowledged(tag: 7, multiple: false)]
            : [.delivered(consumerTag: "t"), header, .content([1]), .content([2]), .delivered(consumerTag: "t")]
        for missing in 0..<4 {
            assembler = ContentAssembler(maximumBytes: 10)
            for (place, frame) in whole.enumerated() where place != missing { take(frame, on: 1) }
            #expect(assembler.isOutOfOrder, "without frame \(missing)")
        }
        assembler = ContentAssembler(maximumBytes: 10)
        for frame in whole.dropLast() + whole { take(frame, on: 1) }
        #expect(!assembler.isOutOfOrder)
    }

    @Test("says so of a message within another one, of a second header, and of more than was announced")
    func interrupted() {
        for frame in [.returned, .delivered(consumerTag: "u"), .header(messageID: "8", bodySize: 1), .body(count: 6)]
            as [InboundFrame]
        {
            assembler = ContentAssembler(maximumBytes: 10)
            take(.delivered(consumerTag: "t"), on: 1)
            take(.header(messageID: "7", bodySize: 5), on: 1)
            #expect(!assembler.isOutOfOrder)
            expectNothing(frame, on: 1)
            #expect(assembler.isOutOfOrder, "\(frame)")
        }
    }

    @Test("lets other channels say what they like in between, and forgets what a close has cut off")
    func otherChannels() {
        take(.delivered(consumerTag: "t"), on: 1)
        take(.header(messageID: "7", bodySize: 5), on: 1)
        expectNothing(.other, on: 0)
        expectNothing(.acknowledged(tag: 1, multiple: false), on: 2)
        expectNothing(.channelClosed(ChannelClose(channel: 1, code: 404, text: "")), on: 1)
        expectNothing(.channelOpened(1), on: 1)
        #expect(!assembler.isOutOfOrder)
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
