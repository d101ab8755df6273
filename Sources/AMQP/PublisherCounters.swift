/// The counts of what one publisher has done so far. Written on its event loop alone, read from anywhere.
package final class PublisherCounters: Sendable {
    /// Messages that a server wanted, as far as the broker can tell.
    package let routed = LoopCounter()
    /// Messages that a queue has taken, where it is unknown whether a server is behind it.
    package let queued = LoopCounter()
    package let unrouted = LoopCounter()
    package let failed = LoopCounter()
    package let unknown = LoopCounter()
    package let timedOut = LoopCounter()
    package let connects = LoopCounter()
    package let channelsClosed = ChannelCloseCounters()
    /// Messages that wait to be published or confirmed: this one goes down, too.
    package let unsettled = LoopGauge()

    package init() {}

    /// - Parameter knowsRecipients: see ``Publication/knowsRecipients``.
    func count(_ outcome: PublishRequest.Outcome, knowsRecipients: Bool) {
        switch outcome {
        case .confirmed(.routed): if knowsRecipients { routed.add(1) } else { queued.add(1) }
        case .confirmed(.unroutable), .confirmed(.noExchange): unrouted.add(1)
        case .failed(.unknown): unknown.add(1)
        case .failed: failed.add(1)
        }
    }
}
