internal import CRabbitMQ

/// The broker's methods and contents, as far as we use them.
package enum InboundFrame: Equatable {
    case acknowledged(tag: UInt64, multiple: Bool)
    case refused(tag: UInt64, multiple: Bool)
    case returned
    case header(messageID: String, correlationID: String = "", bodySize: UInt64)
    case body(count: Int)
    /// The bytes of a body frame, for connections that keep content; the others get ``body(count:)``.
    case content([UInt8])
    case delivered(consumerTag: String)
    case queueDeclared(name: String)
    case queueBound
    case queueUnbound
    case consuming(consumerTag: String)
    /// The broker ended a consumer: its queue is gone.
    case consumerCancelled(consumerTag: String)
    case channelOpened(UInt16)
    case confirmSelected
    case transactionRolledBack
    case exchangeFound
    case channelClosed(ChannelClose)
    case channelCloseConfirmed(UInt16)
    case connectionClosed(ConnectionClose)
    case connectionCloseConfirmed
    case blocked(reason: String)
    case unblocked
    /// The first frame; `mechanisms`: those of SASL that are offered, with blanks between them.
    case started(mechanisms: String)
    /// The limits that the broker proposes: channels, bytes in a frame, seconds between heartbeats; 0: no limit.
    case tuned(channelMax: Int, frameMax: Int, heartbeat: Int)
    /// The broker asks for more to log in.
    case challenged
    case connectionOpened
    /// The header of a broker that speaks another version of AMQP.
    case otherVersion
    case other

    /// Copies what is needed out of librabbitmq's frame, whose memory is recycled.
    init(_ frame: inout amqp_frame_t, keepsContent: Bool = false) {
        switch FrameType(rawValue: frame.frame_type) {
        case .method: self = Self.method(&frame)
        case .header:
            self = .header(
                messageID: String(gateway_frame_message_id(&frame)),
                correlationID: String(gateway_frame_correlation_id(&frame)),
                bodySize: gateway_frame_body_size(&frame))
        case .body where keepsContent: self = .content([UInt8](gateway_frame_fragment(&frame)))
        case .body: self = .body(count: gateway_frame_fragment_length(&frame))
        case .protocolHeader: self = .otherVersion
        // Of a heartbeat, that something came is all it says.
        case .heartbeat, nil: self = .other
        }
    }

    private static func method(_ frame: inout amqp_frame_t) -> InboundFrame {
        let channel = frame.channel
        guard let decoded = gateway_frame_decoded(&frame) else { return .other }
        let method = gateway_frame_method(&frame)
        // Nearly all are acks: they are not looked for among the others.
        if method == AMQPMethod.basicAck.rawValue {
            let ack = decoded.load(as: amqp_basic_ack_t.self)
            return .acknowledged(tag: ack.delivery_tag, multiple: ack.multiple != 0)
        }
        switch AMQPMethod(rawValue: method) {
        case .basicNack:
            let nack = decoded.load(as: amqp_basic_nack_t.self)
            return .refused(tag: nack.delivery_tag, multiple: nack.multiple != 0)
        case .basicReturn: return .returned
        case .basicDeliver:
            return .delivered(consumerTag: String(decoded.load(as: amqp_basic_deliver_t.self).consumer_tag))
        case .queueDeclareOK: return .queueDeclared(name: String(decoded.load(as: amqp_queue_declare_ok_t.self).queue))
        case .queueBindOK: return .queueBound
        case .queueUnbindOK: return .queueUnbound
        case .basicConsumeOK:
            return .consuming(consumerTag: String(decoded.load(as: amqp_basic_consume_ok_t.self).consumer_tag))
        case .basicCancel:
            return .consumerCancelled(consumerTag: String(decoded.load(as: amqp_basic_cancel_t.self).consumer_tag))
        case .channelOpenOK: return .channelOpened(channel)
        case .confirmSelectOK: return .confirmSelected
        case .txRollbackOK: return .transactionRolledBack
        case .exchangeDeclareOK: return .exchangeFound
        case .channelClose:
            let close = decoded.load(as: amqp_channel_close_t.self)
            return .channelClosed(
                ChannelClose(channel: channel, code: Int(close.reply_code), text: String(close.reply_text)))
        case .channelCloseOK: return .channelCloseConfirmed(channel)
        case .connectionClose:
            let close = decoded.load(as: amqp_connection_close_t.self)
            return .connectionClosed(ConnectionClose(code: Int(close.reply_code), text: String(close.reply_text)))
        case .connectionCloseOK: return .connectionCloseConfirmed
        case .connectionBlocked:
            return .blocked(reason: String(decoded.load(as: amqp_connection_blocked_t.self).reason))
        case .connectionUnblocked: return .unblocked
        case .connectionStart:
            return .started(mechanisms: String(decoded.load(as: amqp_connection_start_t.self).mechanisms))
        case .connectionSecure: return .challenged
        case .connectionTune:
            let tune = decoded.load(as: amqp_connection_tune_t.self)
            return .tuned(
                channelMax: Int(tune.channel_max), frameMax: Int(tune.frame_max), heartbeat: Int(tune.heartbeat))
        case .connectionOpenOK: return .connectionOpened
        // Those that only we send, and those that we do not know.
        default: return .other
        }
    }
}
