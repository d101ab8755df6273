internal import EventLoop

/// Messages of a request that wait to be published: all of them, or those that the broker has discarded.
struct ParkedMessages: Waiting {
    let request: PublishRequest
    let indices: Range<Int>

    var deadline: MonotonicTime { request.deadline }
    var exchange: String { request.exchange }
    var publications: Slice<Publications> { request.publications[indices] }
}

extension ParkedMessages {
    init(_ message: MessageUnderWay) {
        self.init(request: message.request, indices: message.index..<message.index + 1)
    }
}
