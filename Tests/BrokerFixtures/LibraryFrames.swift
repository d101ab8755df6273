package import AMQP
package import CRabbitMQ

/// Frames as librabbitmq would encode them: the oracle for ours.
package enum LibraryFrames {
    package static func method<Method: BitwiseCopyable>(channel: UInt16, _ id: amqp_method_number_t, _ method: Method)
        -> [UInt8]
    {
        var method = method
        let arguments = encoded { amqp_encode_method(id, &method, $0) }
        return frame(type: 1, channel: channel, payload: bigEndian(id) + arguments)
    }

    package static func publish(_ publication: Publication, channel: UInt16 = 1) -> [UInt8] {
        var publish = amqp_basic_publish_t()
        publish.exchange = amqp_bytes_t(copying: publication.exchange)
        publish.routing_key = amqp_bytes_t(copying: publication.routingKey)
        publish.mandatory = 1
        return method(channel: channel, 0x003C_0028, publish)
    }

    package static func header(
        _ publication: Publication, messageID: String, replyTo: String? = nil, channel: UInt16 = 1
    ) -> [UInt8] {
        var properties = amqp_basic_properties_t()
        properties._flags = UInt32(AMQP_BASIC_MESSAGE_ID_FLAG)
        properties.message_id = amqp_bytes_t(copying: messageID)
        if let replyTo {
            properties._flags |= UInt32(AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG)
            properties.correlation_id = amqp_bytes_t(copying: messageID)
            properties.reply_to = amqp_bytes_t(copying: replyTo)
        }
        if let expiration = publication.expiration {
            properties._flags |= UInt32(AMQP_BASIC_EXPIRATION_FLAG)
            properties.expiration = amqp_bytes_t(copying: String(expiration))
        }
        let entries = entries(of: publication)
        if !entries.isEmpty {
            properties._flags |= UInt32(AMQP_BASIC_HEADERS_FLAG)
            properties.headers = table(entries)
        }
        let encodedProperties = encoded { amqp_encode_properties(60, &properties, $0) }
        let prefix = bigEndian(UInt16(60)) + bigEndian(UInt16(0)) + bigEndian(UInt64(publication.body.count))
        return frame(type: 2, channel: channel, payload: prefix + encodedProperties)
    }

    package static func frame(type: UInt8, channel: UInt16, payload: [UInt8]) -> [UInt8] {
        [type] + bigEndian(channel) + bigEndian(UInt32(payload.count)) + payload + [0xCE]
    }

    package static func bigEndian(_ integer: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: integer.bigEndian, Array.init)
    }

    private static func encoded(_ encode: (amqp_bytes_t) -> Int32) -> [UInt8] {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 * 1_024, alignment: 16)
        defer { room.deallocate() }
        let count = encode(amqp_bytes_t(len: room.count, bytes: room.baseAddress))
        precondition(count >= 0, "librabbitmq cannot encode this")
        return Array(room.prefix(Int(count)))
    }

    /// A table with one number.
    package static func table(key: String, number: Int32) -> amqp_table_t {
        var entry = amqp_table_entry_t()
        entry.key = amqp_bytes_t(copying: key)
        entry.value.kind = UInt8(ascii: "I")
        entry.value.value.i32 = number
        return table([entry])
    }

    private static func table(_ entries: [amqp_table_entry_t]) -> amqp_table_t {
        let copy = UnsafeMutablePointer<amqp_table_entry_t>.allocate(capacity: entries.count)
        copy.initialize(from: entries, count: entries.count)
        return amqp_table_t(num_entries: Int32(entries.count), entries: copy)
    }

    /// The headers of a message.
    private static func entries(of publication: Publication) -> [amqp_table_entry_t] {
        let copies = publication.carbonCopies
        let trace = publication.trace
        return (copies.isEmpty ? [] : [entry(carbonCopies: copies)])
            + [("traceparent", trace?.traceparent), ("tracestate", trace?.tracestate)].compactMap { key, text in
                text.map { entry(key, $0) }
            }
    }

    private static func entry(_ key: String, _ text: String) -> amqp_table_entry_t {
        var entry = amqp_table_entry_t()
        entry.key = amqp_bytes_t(copying: key)
        entry.value.kind = UInt8(ascii: "S")
        entry.value.value.bytes = amqp_bytes_t(copying: text)
        return entry
    }

    private static func entry(carbonCopies: [String]) -> amqp_table_entry_t {
        let values = UnsafeMutablePointer<amqp_field_value_t>.allocate(capacity: carbonCopies.count)
        for (index, key) in carbonCopies.enumerated() {
            var value = amqp_field_value_t()
            value.kind = UInt8(ascii: "S")
            value.value.bytes = amqp_bytes_t(copying: key)
            values[index] = value
        }
        var entry = amqp_table_entry_t()
        entry.key = amqp_bytes_t(copying: "CC")
        entry.value.kind = UInt8(ascii: "A")
        entry.value.value.array = amqp_array_t(num_entries: Int32(carbonCopies.count), entries: values)
        return entry
    }
}

extension amqp_bytes_t {
    /// Text in memory of librabbitmq's. Never freed: a test's few bytes.
    package init(copying text: String) {
        self = amqp_bytes_malloc(text.utf8.count)
        UnsafeMutableRawBufferPointer(start: bytes, count: len).copyBytes(from: text.utf8)
    }
}
