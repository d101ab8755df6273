internal import AMQPBridge
internal import EventLoop

/// The outcomes of the deliveries, and of the questions before the first, to one hook, over all event loops, and over reloads; or of all CloudEvents.
package final class DeliveryCounters: Sendable {
    package enum Outcome: String, Sendable, CaseIterable {
        case challenge, duplicate, emitted
        /// It was accepted, and its event could not be published, or nobody knows whether it was.
        case failed
        case ignored
        /// The signature, or the question before the first delivery, is not that of the hook's sender.
        case notAuthentic = "not_authentic"
        case rateLimited = "rate_limited"
        /// For what is in it, or how it came.
        case refused
    }

    private let counters = CaseCounters<Outcome>()

    package init() {}

    /// All of them, in order.
    package var counts: [(outcome: Outcome, count: UInt64)] { counters.counts }

    func count(_ response: Response, _ remark: Remark) { counters.count(Outcome(response, remark)) }
}

extension DeliveryCounters.Outcome {
    fileprivate init(_ response: Response, _ remark: Remark) {
        switch remark {
        case .delivery(.emitted): self = .emitted
        case .delivery(.ignored): self = .ignored
        case .delivery(.duplicate): self = .duplicate
        case .delivery(.challenge): self = .challenge
        case _ where response.code == .handshakeRefused: self = .notAuthentic
        default:
            self =
                switch response.status {
                case 401: .notAuthentic
                case 429: .rateLimited
                case 500...: .failed
                default: .refused
                }
        }
    }
}
