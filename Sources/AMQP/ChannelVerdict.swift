/// What becomes of the messages under way when the broker closes their channel over one of them. A value: the publisher
/// carries it out.
struct ChannelVerdict {
    enum Cause: Equatable {
        /// The broker has met a message with a body longer than this, in bytes.
        case oversize(limit: Int)
        /// An exchange is not there, or refuses us.
        case exchange(ExchangeAnswer)
        case other
    }

    typealias Ended = (message: MessageUnderWay, outcome: PublishRequest.Outcome)
    private typealias Published = ConfirmLedger<MessageUnderWay>.Published

    let cause: Cause
    /// The messages that have ended so, in the order in which that is to be told.
    let ended: [Ended]
    /// The messages that the broker has discarded, and that can be published again, in order.
    let discarded: [MessageUnderWay]

    var messages: [MessageUnderWay] { ended.map(\.message) + discarded }

    init(_ close: ChannelClose, emptying ledger: inout ConfirmLedger<MessageUnderWay>) {
        if let oversize = close.oversize {
            self.init(oversize, &ledger)
        } else if let exchange = close.exchange(among: Set(ledger.unsettled.map(\.entry.request.exchange))) {
            self.init(close, over: exchange, &ledger)
        } else {
            self.init(.other, ended: Self.unknown(ledger.reset()), discarded: [])
        }
    }

    private init(_ cause: Cause, ended: [Ended], discarded: [Published]) {
        (self.cause, self.ended, self.discarded) = (cause, ended, discarded.map(\.entry))
    }

    private init(
        _ close: ChannelClose, over exchange: String, _ ledger: inout ConfirmLedger<MessageUnderWay>
    ) {
        let closed = ledger.resetClosed(overOneOf: { $0.request.exchange == exchange })
        guard let rejected = closed.rejected?.entry else {
            self.init(.other, ended: Self.unknown(closed.unknown), discarded: closed.discarded)
            return
        }
        let outcome: PublishRequest.Outcome =
            close.isNotFound
            ? .confirmed(.noExchange) : .failed(.brokerRefused(exchange: exchange, reason: close.text))
        self.init(
            .exchange(ExchangeAnswer(exchange: exchange, finding: close.finding, asOf: rejected.sent)),
            ended: [(rejected, outcome)] + Self.unknown(closed.unknown), discarded: closed.discarded)
    }

    /// Messages before the one that is too long may have been routed. Those behind it were discarded, and are published
    /// again, unless they are too long as well or belong to the same emit.
    private init(_ oversize: ChannelClose.Oversize, _ ledger: inout ConfirmLedger<MessageUnderWay>) {
        let closed = ledger.reset(closedOverFirst: { $0.publication.body.count > oversize.limit })
        guard let rejected = closed.rejected, rejected.entry.publication.body.count == oversize.size else {
            // It was given up on already, so it is unknown which messages stood before it.
            let all = closed.unknown + [closed.rejected].compactMap { $0 } + closed.discarded
            self.init(.oversize(limit: oversize.limit), ended: Self.unknown(all), discarded: [])
            return
        }
        var ended = Self.unknown(closed.unknown)
        var again: [Published] = []
        for published in [rejected] + closed.discarded {
            let message = published.entry
            let size = message.publication.body.count
            if message.request === rejected.entry.request || size > oversize.limit {
                let error = PublishError.messageTooLarge(bytes: max(size, oversize.size), limit: oversize.limit)
                ended.append((message, .failed(error)))
            } else {
                again.append(published)
            }
        }
        self.init(.oversize(limit: oversize.limit), ended: ended, discarded: again)
    }

    private static func unknown(_ published: [Published]) -> [Ended] {
        published.map { ($0.entry, .failed(.unknown(.channelClosed))) }
    }
}
