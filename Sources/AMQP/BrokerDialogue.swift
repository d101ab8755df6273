internal import EventLoop

/// A connection to the broker on which one thing is asked after the other, each on a channel of its own. Blocks.
package final class BrokerDialogue {
    package enum Reply: Equatable {
        case granted(InboundFrame)
        /// The broker has closed the channel over it.
        case refused(ChannelClose)
    }

    private static let channel: UInt16 = 1

    private let connection: AMQPConnection
    /// The time that the broker has to answer.
    private let patience: Duration
    private var outbound = OutboundBuffer()
    private var answers: [InboundFrame] = []

    /// Connects and logs in.
    package init(_ configuration: BrokerLink.Configuration) throws(BrokerError) {
        patience = configuration.endpoints.compactMap(\.connectTimeout).max() ?? configuration.connectTimeout
        var configuration = configuration
        // It says nothing by itself while it waits.
        for index in configuration.endpoints.indices { configuration.endpoints[index].heartbeat = .zero }
        var failures: [BrokerRound.Failure] = []
        connection = try BrokerRound(configuration.endpoints, configuration, keeping: .none).connect(&failures)
    }

    /// The broker that this dialogue is with.
    package var endpoint: BrokerEndpoint { connection.endpoint }

    /// Asks, and waits for the answer.
    ///
    /// - Parameters:
    ///   - write: writes the question for this channel.
    ///   - isAnswer: whether that is the answer, if the broker does not close the channel instead.
    /// - Throws: when the connection is lost, or the broker takes no messages at the moment.
    package func ask(
        _ write: (_ channel: UInt16, _ buffer: inout [UInt8]) -> Void, until isAnswer: (InboundFrame) -> Bool
    ) throws(BrokerError) -> Reply {
        FrameWriter.channelOpen(Self.channel, into: &outbound.bytes)
        write(Self.channel, &outbound.bytes)
        // For the whole question: a peer that goes on saying something else has not answered.
        let deadline = MonotonicTime.now() + patience
        while true {
            switch try next(until: deadline) {
            case .channelClosed(let close):
                FrameWriter.channelCloseOK(Self.channel, into: &outbound.bytes)
                return .refused(close)
            case let frame where isAnswer(frame):
                FrameWriter.channelClose(Self.channel, into: &outbound.bytes)
                while try next(until: deadline) != .channelCloseConfirmed(Self.channel) {}
                return .granted(frame)
            default: break
            }
        }
    }

    /// Ends the connection in order, and with it what was declared for it alone.
    package func close() {
        FrameWriter.connectionClose(into: &outbound.bytes)
        // A broker that does not answer is left, such as one that reads nothing any more because of an alarm.
        let deadline = MonotonicTime.now() + .seconds(1)
        while let frame = try? next(until: deadline), frame != .connectionCloseConfirmed {}
    }

    /// The broker's next frame, after all that is pending has been sent.
    private func next(until deadline: MonotonicTime) throws(BrokerError) -> InboundFrame {
        while true {
            guard .now() < deadline else { throw Self.timeOut }
            try outbound.drain { bytes throws(BrokerError) in try connection.send(bytes) }
            if outbound.pending == 0, !answers.isEmpty { break }
            guard connection.hasMore || connection.wait(hasOutput: outbound.pending > 0, until: deadline) else {
                throw Self.timeOut
            }
            try connection.receive { frame, _ throws(BrokerError) in answers.append(frame) }
        }
        let frame = answers.removeFirst()
        switch frame {
        case .blocked(let reason): throw BrokerError(PublishError.brokerBlocked(reason: reason).cause)
        case .connectionClosed(let close): throw BrokerError.connectionClosed(close)
        default: return frame
        }
    }

    private static let timeOut = BrokerError("timed out: the broker does not answer")
}

extension BrokerDialogue {
    /// Whether the exchange is there and takes messages. Nothing is delivered: see ``LookUpChannel``.
    ///
    /// - Returns: a refusal with 404 if there is no such exchange, and we might write to it; with 403 if we might not.
    package func lookUp(_ exchange: String) throws(BrokerError) -> Reply {
        try ask(
            { channel, buffer in
                FrameWriter.transactionSelect(channel, into: &buffer)
                FrameWriter.lookUp(exchange, channel: channel, into: &buffer)
            }, until: { $0 == .transactionRolledBack })
    }

    /// The broker's answer to a declaration of the exchange with this type. Nothing is declared.
    package func probe(_ exchange: String, type: String) throws(BrokerError) -> ExchangeProbe {
        let reply = try ask(
            { channel, buffer in
                FrameWriter.exchangeProbe(exchange, type: type, channel: channel, into: &buffer)
            }, until: { $0 == .exchangeFound })
        guard case .refused(let close) = reply else { return .other("it took an alternate exchange without a name") }
        return ExchangeProbe(close)
    }

    /// Declares a queue that goes with this connection.
    package func declareQueue() throws(BrokerError) -> Reply {
        try ask(
            { channel, buffer in FrameWriter.queueDeclare(maximumBytes: 1 << 20, channel: channel, into: &buffer) },
            until: { if case .queueDeclared = $0 { true } else { false } })
    }

    /// Whether the queue could be bound to the exchange, which need not be there: to take a binding away that is not
    /// there takes the same permissions, and does nothing (observed, RabbitMQ 3.10.8).
    package func tryToBind(_ queue: String, to exchange: String) throws(BrokerError) -> Reply {
        try ask(
            { channel, buffer in
                FrameWriter.queueUnbind(
                    queue, exchange: exchange, routingKey: "socketio-gateway.look-up", channel: channel, into: &buffer)
            }, until: { $0 == .queueUnbound })
    }

    /// Whether the queue, which is empty, can be read.
    package func consume(_ queue: String) throws(BrokerError) -> Reply {
        try ask(
            { channel, buffer in FrameWriter.consume(queue, consumerTag: "check", channel: channel, into: &buffer) },
            until: { $0 == .consuming(consumerTag: "check") })
    }
}
