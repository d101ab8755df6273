internal import EventLoop

/// A message of a request that was published, and is not settled.
struct MessageUnderWay {
    let request: PublishRequest
    let index: Int
    /// Whether others to the same exchange wait until it is settled. See ``ExchangeDirectory``.
    let isProbe: Bool
    let sent: MonotonicTime
    /// The position in the outbound stream where the publication ends.
    let streamEnd: UInt64

    var publication: Publication { request.publications[index] }
}
