import BrokerFixtures
import CRabbitMQ
import Testing

@testable import AMQP

@Suite("The frame writer")
struct FrameWriterTests {
    private static let longKey = String(repeating: "é", count: 127) + "x"

    static let publications = untraced + untraced.with(.sample) + [untraced[0], untraced[6]].with(withoutState)

    private static let withoutState = TraceContext(traceparent: TraceContextTests.valid)!
    private static let untraced: [Publication] = [
        Publication(exchange: "socket.io", routingKey: "broadcast", body: Array("{}".utf8)),
        Publication(exchange: "exchange/ü", routingKey: "room 3/ü😀", body: Array("{\"é\":1}".utf8)),
        Publication(exchange: "", routingKey: "", body: [1]),
        Publication(exchange: longKey, routingKey: longKey, body: [1, 2, 3]),
        Publication(exchange: "socketio", routingKey: "*", expiration: 60_000, body: [0xCE]),
        Publication(exchange: "x", routingKey: "a", carbonCopies: ["b"], body: [0]),
        Publication(
            exchange: "x", routingKey: "a", carbonCopies: ["b", "ü", "", longKey, "room\0"], expiration: 1, body: [0]),
        Publication(exchange: "x", routingKey: "a", carbonCopies: (0..<200).map { "room-\($0)" }, body: [0]),
        Publication(exchange: "x", routingKey: "no body", body: []),
    ]

    @Test("writes publishes as librabbitmq does", arguments: publications)
    func publishes(publication: Publication) {
        for messageID in ["1", String(UInt64.max)] {
            var expected = LibraryFrames.publish(publication)
            expected += LibraryFrames.header(publication, messageID: messageID)
            if !publication.body.isEmpty {
                expected += LibraryFrames.frame(type: 3, channel: 1, payload: publication.body)
            }
            #expect(written(publication, messageID: messageID) == expected)
        }
    }

    @Test("writes a number in decimal digits", arguments: [0, 1, 9, 10, 99, 100, 12_345_678_909, UInt64.max])
    func numberedMessages(number: UInt64) {
        for publication in Self.publications {
            var bytes: [UInt8] = [7]
            #expect(FrameWriter.publish(publication, messageID: .number(number), frameMax: 131_072, into: &bytes))
            #expect(bytes.dropFirst().elementsEqual(written(publication, messageID: String(number)) ?? []))
        }
    }

    @Test("writes each message whole behind the others, however little room there is")
    func manyMessages() {
        var bytes: [UInt8] = []
        var expected: [UInt8] = []
        for (index, publication) in (Self.publications + Self.publications).enumerated() {
            #expect(
                FrameWriter.publish(publication, messageID: .number(UInt64(index)), frameMax: 131_072, into: &bytes))
            expected += written(publication, messageID: String(index)) ?? []
        }
        #expect(bytes == expected)
    }

    @Test("writes carbon copies that librabbitmq reads", arguments: publications)
    func carbonCopies(publication: Publication) throws {
        let bytes = try #require(written(publication))
        let start = LibraryFrames.publish(publication).count
        #expect(decodedCarbonCopies(header: bytes[start...]) == publication.carbonCopies)
    }

    @Test("writes the other methods as librabbitmq does")
    func methods() {
        #expect(
            bytes { FrameWriter.channelOpen(7, into: &$0) }
                == LibraryFrames.method(channel: 7, 0x0014_000A, amqp_channel_open_t()))
        #expect(
            bytes { FrameWriter.channelCloseOK(513, into: &$0) }
                == LibraryFrames.method(channel: 513, 0x0014_0029, amqp_channel_close_ok_t()))
        #expect(
            bytes { FrameWriter.confirmSelect(1, into: &$0) }
                == LibraryFrames.method(channel: 1, 0x0055_000A, amqp_confirm_select_t()))
        #expect(bytes { FrameWriter.heartbeat(into: &$0) } == [8, 0, 0, 0, 0, 0, 0, 0xCE])
    }

    @Test("looks exchanges up with a declare that declares nothing", arguments: ["x", "socket.io", longKey])
    func passiveDeclare(exchange: String) {
        var declare = amqp_exchange_declare_t()
        declare.exchange = amqp_bytes_t(copying: exchange)
        declare.type = amqp_bytes_t(copying: "direct")
        declare.passive = 1
        #expect(
            bytes { FrameWriter.passiveExchangeDeclare(exchange, channel: 2, into: &$0) }
                == LibraryFrames.method(channel: 2, 0x0028_000A, declare))
    }

    @Test("looks exchanges up with a message that it takes back", arguments: ["x", "socket.io", longKey])
    func lookUp(exchange: String) {
        var publish = amqp_basic_publish_t()
        publish.exchange = amqp_bytes_t(copying: exchange)
        publish.routing_key = amqp_bytes_t(copying: "socketio-gateway.look-up")
        let header = LibraryFrames.bigEndian(UInt32(60 << 16)) + LibraryFrames.bigEndian(UInt64(0)) + [0, 0]
        #expect(
            bytes { FrameWriter.lookUp(exchange, into: &$0) }
                == LibraryFrames.method(channel: 3, 0x003C_0028, publish)
                + LibraryFrames.frame(type: 2, channel: 3, payload: header)
                + LibraryFrames.method(channel: 3, 0x005A_001E, amqp_tx_rollback_t()))
        #expect(
            bytes { FrameWriter.transactionSelect(3, into: &$0) }
                == LibraryFrames.method(channel: 3, 0x005A_000A, amqp_tx_select_t()))
    }

    @Test("looks up what an exchange is with a declare that no broker carries out", arguments: ["x", longKey])
    func exchangeProbe(exchange: String) {
        var entry = amqp_table_entry_t()
        entry.key = amqp_bytes_t(copying: "alternate-exchange")
        entry.value.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
        entry.value.value.boolean = 1
        var declare = amqp_exchange_declare_t()
        declare.exchange = amqp_bytes_t(copying: exchange)
        declare.type = amqp_bytes_t(copying: "fanout")
        withUnsafeMutablePointer(to: &entry) { entry in
            declare.arguments = amqp_table_t(num_entries: 1, entries: entry)
            #expect(
                bytes { FrameWriter.exchangeProbe(exchange, type: "fanout", channel: 2, into: &$0) }
                    == LibraryFrames.method(channel: 2, 0x0028_000A, declare))
        }
    }

    @Test("takes bindings away")
    func unbind() {
        var unbind = amqp_queue_unbind_t()
        unbind.queue = amqp_bytes_t(copying: "q")
        unbind.exchange = amqp_bytes_t(copying: "x")
        unbind.routing_key = amqp_bytes_t(copying: "k")
        #expect(
            bytes { FrameWriter.queueUnbind("q", exchange: "x", routingKey: "k", channel: 2, into: &$0) }
                == LibraryFrames.method(channel: 2, 0x0032_0032, unbind))
    }

    @Test("probes with a message to nobody")
    func probe() {
        var publish = amqp_basic_publish_t()
        publish.routing_key = amqp_bytes_t(copying: "socketio-gateway.probe")
        let header = LibraryFrames.bigEndian(UInt32(60 << 16)) + LibraryFrames.bigEndian(UInt64(0)) + [0, 0]
        #expect(
            bytes { FrameWriter.probe(into: &$0) }
                == LibraryFrames.method(channel: 2, 0x003C_0028, publish)
                + LibraryFrames.frame(type: 2, channel: 2, payload: header))
    }

    @Test(
        "splits bodies where the broker wants it",
        arguments: [
            (0, []), (1, [1]), (4_087, [4_087]), (4_088, [4_088]), (4_089, [4_088, 1]), (8_176, [4_088, 4_088]),
            (8_177, [4_088, 4_088, 1]), (20_000, [4_088, 4_088, 4_088, 4_088, 3_648]),
        ])
    func splitsBodies(count: Int, pieces: [Int]) throws {
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        let publication = Publication(exchange: "x", routingKey: "k", body: body)
        var expected = LibraryFrames.publish(publication) + LibraryFrames.header(publication, messageID: "1")
        var start = 0
        for piece in pieces {
            let frame = LibraryFrames.frame(type: 3, channel: 1, payload: Array(body[start..<start + piece]))
            #expect(frame.count <= 4_096)
            expected += frame
            start += piece
        }
        #expect(start == count)
        #expect(written(publication, frameMax: 4_096) == expected)
    }

    @Test("writes nothing if the content header does not fit into a frame")
    func refusesLargeHeaders() {
        let copies = (0..<20).map { "\($0)" + String(repeating: "x", count: 200) }
        let publication = Publication(exchange: "x", routingKey: "k", carbonCopies: copies, body: [1])
        let size = LibraryFrames.header(publication, messageID: "1").count
        #expect(size > 4_096)
        var buffer: [UInt8] = [1, 2, 3]
        #expect(!FrameWriter.publish(publication, messageID: .text("1"), frameMax: size - 1, into: &buffer))
        #expect(buffer == [1, 2, 3])
        #expect(FrameWriter.publish(publication, messageID: .text("1"), frameMax: size, into: &buffer))
        #expect(buffer.count > size)
    }

    @Test("leaves out a trace that does not fit into a frame beside the rest")
    func dropsTraces() throws {
        let untraced = Publication(exchange: "x", routingKey: "k", carbonCopies: ["a", "b"], body: [1])
        let traced = try #require([untraced].with(.sample).first)
        let size = LibraryFrames.header(traced, messageID: "1").count
        #expect(written(traced, frameMax: size) == written(traced))
        #expect(written(traced, frameMax: size - 1) == written(untraced))
        #expect(written(traced, frameMax: LibraryFrames.header(untraced, messageID: "1").count - 1) == nil)
    }

    @Test("writes questions as librabbitmq does: their id says twice whose the answer is", arguments: publications)
    func questions(publication: Publication) {
        let id = "0123456789abcdef0123456789abcdef"
        var expected = LibraryFrames.publish(publication, channel: 9)
        expected += LibraryFrames.header(publication, messageID: id, replyTo: "amq.rabbitmq.reply-to", channel: 9)
        if !publication.body.isEmpty {
            expected += LibraryFrames.frame(type: 3, channel: 9, payload: publication.body)
        }
        var written: [UInt8] = []
        #expect(
            FrameWriter.publish(
                publication, messageID: .text(id), replyTo: "amq.rabbitmq.reply-to", channel: 9, frameMax: 131_072,
                into: &written))
        #expect(written == expected)
    }

    @Test("declares exchanges that stay", arguments: [("x", "direct"), (longKey, "fanout")])
    func exchangeDeclare(exchange: String, type: String) {
        var declare = amqp_exchange_declare_t()
        declare.exchange = amqp_bytes_t(copying: exchange)
        declare.type = amqp_bytes_t(copying: type)
        #expect(
            bytes { FrameWriter.exchangeDeclare(exchange, type: type, channel: 3, into: &$0) }
                == LibraryFrames.method(channel: 3, 0x0028_000A, declare))
    }

    @Test("declares queues of its own, with an end to what waits in them", arguments: [false, true])
    func queueDeclare(isTransient: Bool) {
        var declare = amqp_queue_declare_t()
        declare.exclusive = 1
        declare.auto_delete = isTransient ? 1 : 0
        for bytes in [1, 16 << 20, Int32.max] {
            declare.arguments = LibraryFrames.table(key: "x-max-length-bytes", number: bytes)
            #expect(
                self.bytes {
                    FrameWriter.queueDeclare(maximumBytes: bytes, isTransient: isTransient, channel: 2, into: &$0)
                } == LibraryFrames.method(channel: 2, 0x0032_000A, declare))
        }
    }

    @Test("binds, consumes and closes as librabbitmq does")
    func consuming() {
        var bind = amqp_queue_bind_t()
        bind.exchange = amqp_bytes_t(copying: "x")
        bind.routing_key = amqp_bytes_t(copying: "#presence")
        #expect(
            bytes { FrameWriter.queueBind(exchange: "x", routingKey: "#presence", channel: 2, into: &$0) }
                == LibraryFrames.method(channel: 2, 0x0032_0014, bind))
        for queue in ["", "amq.rabbitmq.reply-to"] {
            var consume = amqp_basic_consume_t()
            consume.queue = amqp_bytes_t(copying: queue)
            consume.consumer_tag = amqp_bytes_t(copying: "replies")
            consume.no_ack = 1
            #expect(
                bytes { FrameWriter.consume(queue, consumerTag: "replies", channel: 1, into: &$0) }
                    == LibraryFrames.method(channel: 1, 0x003C_0014, consume))
        }
        var close = amqp_channel_close_t()
        close.reply_code = 200
        #expect(
            bytes { FrameWriter.channelClose(3, into: &$0) } == LibraryFrames.method(channel: 3, 0x0014_0028, close))
        var connectionClose = amqp_connection_close_t()
        connectionClose.reply_code = 200
        #expect(
            bytes { FrameWriter.connectionClose(into: &$0) }
                == LibraryFrames.method(channel: 0, 0x000A_0032, connectionClose))
    }

    @Test("appends to what is there")
    func appends() {
        var buffer: [UInt8] = [9]
        FrameWriter.heartbeat(into: &buffer)
        #expect(buffer.count == 9 && buffer[0] == 9 && buffer[1] == 8)
    }

    private func bytes(_ write: (inout [UInt8]) -> Void) -> [UInt8] {
        var bytes: [UInt8] = []
        write(&bytes)
        return bytes
    }

    private func written(_ publication: Publication, messageID: String = "1", frameMax: Int = 131_072) -> [UInt8]? {
        var bytes: [UInt8] = []
        guard FrameWriter.publish(publication, messageID: .text(messageID), frameMax: frameMax, into: &bytes) else {
            return nil
        }
        return bytes
    }

    /// What librabbitmq finds in the `CC` header of a content header frame.
    private func decodedCarbonCopies(header: ArraySlice<UInt8>) -> [String] {
        // Frame header (7 bytes), class, weight and body size (12); the rest of the input is ignored.
        var bytes = Array(header.dropFirst(19))
        var pool = amqp_pool_t()
        init_amqp_pool(&pool, 4_096)
        defer { empty_amqp_pool(&pool) }
        return bytes.withUnsafeMutableBytes { bytes in
            var decoded: UnsafeMutableRawPointer?
            let encoded = amqp_bytes_t(len: bytes.count, bytes: bytes.baseAddress)
            guard amqp_decode_properties(60, &pool, encoded, &decoded) >= 0, let decoded else { return ["nothing"] }
            let headers = decoded.load(as: amqp_basic_properties_t.self).headers
            return (0..<Int(headers.num_entries)).flatMap { index -> [String] in
                let entry = headers.entries[index]
                if String(entry.key).hasPrefix("trace") { return [] }
                guard String(entry.key) == "CC", entry.value.kind == UInt8(ascii: "A") else { return ["not CC"] }
                let array = entry.value.value.array
                return (0..<Int(array.num_entries)).map { String(array.entries[$0].value.bytes) }
            }
        }
    }
}
