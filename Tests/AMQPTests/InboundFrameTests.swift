import BrokerFixtures
import CRabbitMQ
import Testing

@testable import AMQP

@Suite("An inbound frame")
struct InboundFrameTests {
    @Test("is an ack or a nack, of one tag or several")
    func acks() {
        for multiple in [false, true] {
            var ack = amqp_basic_ack_t()
            ack.delivery_tag = .max
            ack.multiple = multiple ? 1 : 0
            #expect(
                decoded(LibraryFrames.method(channel: 1, 0x003C_0050, ack))
                    == .acknowledged(tag: .max, multiple: multiple))
            var nack = amqp_basic_nack_t()
            nack.delivery_tag = 5
            nack.multiple = multiple ? 1 : 0
            #expect(
                decoded(LibraryFrames.method(channel: 1, 0x003C_0078, nack)) == .refused(tag: 5, multiple: multiple))
        }
    }

    @Test("is a return, with its header and its body")
    func returns() {
        var method = amqp_basic_return_t()
        method.reply_code = 312
        method.reply_text = amqp_bytes_t(copying: "NO_ROUTE")
        #expect(decoded(LibraryFrames.method(channel: 1, 0x003C_0032, method)) == .returned)
        let publication = Publication(
            exchange: "x", routingKey: "k", carbonCopies: ["a"], expiration: 1, body: [1, 2, 3])
        #expect(
            decoded(LibraryFrames.header(publication, messageID: "42")) == .header(messageID: "42", bodySize: 3))
        #expect(decoded(LibraryFrames.frame(type: 3, channel: 1, payload: [1, 2, 3])) == .body(count: 3))
    }

    @Test("has no message id if the header has none")
    func headerWithoutMessageID() {
        let payload = LibraryFrames.bigEndian(UInt32(60 << 16)) + LibraryFrames.bigEndian(UInt64(9)) + [0, 0]
        #expect(
            decoded(LibraryFrames.frame(type: 2, channel: 1, payload: payload)) == .header(messageID: "", bodySize: 9))
    }

    @Test("is the answer to a question of ours")
    func answers() {
        #expect(
            decoded(LibraryFrames.method(channel: 2, 0x0014_000B, amqp_channel_open_ok_t())) == .channelOpened(2))
        #expect(
            decoded(LibraryFrames.method(channel: 1, 0x0055_000B, amqp_confirm_select_ok_t())) == .confirmSelected)
        #expect(
            decoded(LibraryFrames.method(channel: 3, 0x005A_001F, amqp_tx_rollback_ok_t())) == .transactionRolledBack)
        #expect(
            decoded(LibraryFrames.method(channel: 2, 0x0028_000B, amqp_exchange_declare_ok_t())) == .exchangeFound)
    }

    @Test("is the close of a channel or the connection, with the reason")
    func closes() {
        var channelClose = amqp_channel_close_t()
        channelClose.reply_code = 404
        channelClose.reply_text = amqp_bytes_t(copying: "NOT_FOUND - no exchange 'é' in vhost '/'")
        #expect(
            decoded(LibraryFrames.method(channel: 1, 0x0014_0028, channelClose))
                == .channelClosed(ChannelClose(channel: 1, code: 404, text: "NOT_FOUND - no exchange 'é' in vhost '/'"))
        )
        var connectionClose = amqp_connection_close_t()
        connectionClose.reply_code = 320
        connectionClose.reply_text = amqp_bytes_t(copying: "CONNECTION_FORCED")
        #expect(
            decoded(LibraryFrames.method(channel: 0, 0x000A_0032, connectionClose))
                == .connectionClosed(ConnectionClose(code: 320, text: "CONNECTION_FORCED")))
    }

    @Test("says that the broker is blocked, and that it is not any more")
    func blocks() {
        var blocked = amqp_connection_blocked_t()
        blocked.reason = amqp_bytes_t(copying: "low on memory")
        #expect(
            decoded(LibraryFrames.method(channel: 0, 0x000A_003C, blocked)) == .blocked(reason: "low on memory"))
        #expect(
            decoded(LibraryFrames.method(channel: 0, 0x000A_003D, amqp_connection_unblocked_t())) == .unblocked)
    }

    @Test("is a message for a consumer, whose bytes are kept where they are wanted")
    func deliveries() {
        var method = amqp_basic_deliver_t()
        method.consumer_tag = amqp_bytes_t(copying: "replies")
        method.routing_key = amqp_bytes_t(copying: "k")
        #expect(decoded(LibraryFrames.method(channel: 1, 0x003C_003C, method)) == .delivered(consumerTag: "replies"))
        let publication = Publication(exchange: "x", routingKey: "k", carbonCopies: ["a"], expiration: 1, body: [1])
        #expect(
            decoded(LibraryFrames.header(publication, messageID: "id", replyTo: "r"))
                == .header(messageID: "id", correlationID: "id", bodySize: 1))
        let body = LibraryFrames.frame(type: 3, channel: 1, payload: [3, 0, 0xCE])
        #expect(decoded(body, keepsContent: true) == .content([3, 0, 0xCE]))
        #expect(decoded(body, keepsContent: false) == .body(count: 3))
        #expect(decoded(LibraryFrames.frame(type: 3, channel: 1, payload: []), keepsContent: true) == .content([]))
    }

    @Test("tells of queues and consumers")
    func consumers() {
        var declared = amqp_queue_declare_ok_t()
        declared.queue = amqp_bytes_t(copying: "amq.gen-é")
        #expect(decoded(LibraryFrames.method(channel: 2, 0x0032_000B, declared)) == .queueDeclared(name: "amq.gen-é"))
        var consuming = amqp_basic_consume_ok_t()
        consuming.consumer_tag = amqp_bytes_t(copying: "presence")
        #expect(
            decoded(LibraryFrames.method(channel: 2, 0x003C_0015, consuming)) == .consuming(consumerTag: "presence"))
        var cancel = amqp_basic_cancel_t()
        cancel.consumer_tag = amqp_bytes_t(copying: "presence")
        cancel.nowait = 1
        #expect(
            decoded(LibraryFrames.method(channel: 2, 0x003C_001E, cancel))
                == .consumerCancelled(consumerTag: "presence"))
        #expect(
            decoded(LibraryFrames.method(channel: 3, 0x0014_0029, amqp_channel_close_ok_t()))
                == .channelCloseConfirmed(3))
        #expect(
            decoded(LibraryFrames.method(channel: 0, 0x000A_0033, amqp_connection_close_ok_t()))
                == .connectionCloseConfirmed)
    }

    @Test("may be one that does not concern us")
    func others() {
        #expect(decoded(LibraryFrames.frame(type: 8, channel: 0, payload: [])) == .other)
        #expect(decoded(LibraryFrames.method(channel: 1, 0x003C_000B, amqp_basic_qos_ok_t())) == .other)
    }

    /// The frame as librabbitmq hands it over, from a connection that is not connected.
    private func decoded(_ bytes: [UInt8], keepsContent: Bool = false) -> InboundFrame? {
        // The very first frame is compared with a protocol header; a heartbeat is too short for that.
        var bytes = LibraryFrames.method(channel: 0, 0x000A_003D, amqp_connection_unblocked_t()) + bytes
        let state = amqp_new_connection()
        defer { amqp_destroy_connection(state) }
        return bytes.withUnsafeMutableBytes { bytes in
            var (offset, frame) = (0, amqp_frame_t())
            while offset < bytes.count {
                frame.frame_type = 0
                let input = amqp_bytes_t(len: bytes.count - offset, bytes: bytes.baseAddress! + offset)
                let consumed = amqp_handle_input(state, input, &frame)
                guard consumed > 0 else { return nil }
                offset += Int(consumed)
            }
            return frame.frame_type == 0 ? nil : InboundFrame(&frame, keepsContent: keepsContent)
        }
    }
}
