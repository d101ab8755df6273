/// AMQP 0-9-1 frames (section 2.3.5 and 4.2), written straight into an outbound buffer.
///
/// `amqp_basic_publish` makes three system calls per message and blocks when the broker stops reading; these frames
/// leave together, in one non-blocking `send` per turn of the loop. The tests compare them with librabbitmq's encoder.
package enum FrameWriter {
    package static let publishChannel: UInt16 = 1
    package static let controlChannel: UInt16 = 2
    package static let lookUpChannel: UInt16 = 3
    /// See ``GuestChannel``.
    package static let guestChannel: UInt16 = 4

    private static let frameOverhead = 8
    /// AMQP's reply code for an orderly end.
    private static let replySuccess: UInt16 = 200

    /// The bits of methods' arguments, each method's from its first bit on.
    private enum Flag {
        // exchange.declare and queue.declare
        static let passive: UInt8 = 1 << 0
        static let durable: UInt8 = 1 << 1
        // queue.declare
        static let exclusive: UInt8 = 1 << 2
        static let autoDelete: UInt8 = 1 << 3
        // basic.consume
        static let noAck: UInt8 = 1 << 1
        // basic.publish
        static let mandatory: UInt8 = 1 << 0
    }

    /// The flags of a content header's properties, which follow in the order of these bits, from the highest on.
    private enum Property {
        static let headers: UInt16 = 1 << 13
        static let correlationID: UInt16 = 1 << 10
        static let replyTo: UInt16 = 1 << 9
        static let expiration: UInt16 = 1 << 8
        static let messageID: UInt16 = 1 << 7
    }

    /// `basic.publish` with `mandatory`, its content header, and its body in as many frames as `frameMax` asks for.
    ///
    /// Returns `false`, having written nothing, when the content header does not fit into one frame. A trace that does
    /// not fit is left out: it is no reason not to publish.
    package static func publish(
        _ publication: borrowing Publication, messageID: MessageID, replyTo: String? = nil, isMandatory: Bool = true,
        channel: UInt16 = publishChannel,
        frameMax: Int, into buffer: inout [UInt8]
    ) -> Bool {
        let frames = 3 + publication.body.count / (frameMax - frameOverhead)
        let most =
            publication.encodedSize + 2 * messageID.mostBytes + (replyTo?.utf8.count ?? 0) + frames * frameOverhead
        let start = buffer.count
        write(into: &buffer, atMost: most) { cursor in
            message(
                publication, messageID: messageID, replyTo: replyTo, isMandatory: isMandatory, channel: channel,
                frameMax: frameMax, into: &cursor)
        }
        if buffer.count > start { return true }
        guard publication.trace != nil else { return false }
        var untraced = copy publication
        untraced.trace = nil
        return publish(
            untraced, messageID: messageID, replyTo: replyTo, isMandatory: isMandatory, channel: channel,
            frameMax: frameMax, into: &buffer)
    }

    /// The first of these whose content header does not fit into one frame.
    static func misfit(among publications: [Publication], frameMax: Int) -> Publication? {
        var frames: [UInt8] = []
        return publications.first { publication in
            frames.removeAll(keepingCapacity: true)
            return !publish(publication, messageID: .number(0), frameMax: frameMax, into: &frames)
        }
    }

    /// Writes nothing where the content header does not fit.
    @inline(__always)
    private static func message(
        _ publication: borrowing Publication, messageID: MessageID, replyTo: String?, isMandatory: Bool,
        channel: UInt16, frameMax: Int, into cursor: inout FrameCursor
    ) {
        let method = cursor.beginFrame(.method, channel: channel)
        cursor.append(AMQPMethod.basicPublish)
        cursor.append(bigEndian: UInt16(0))
        cursor.append(shortString: publication.exchange)
        cursor.append(shortString: publication.routingKey)
        cursor.append(isMandatory ? Flag.mandatory : 0)
        cursor.endFrame(method)
        let headerStart = cursor.count
        header(publication, messageID: messageID, replyTo: replyTo, channel: channel, into: &cursor)
        guard cursor.count - headerStart <= frameMax else { return cursor.removeAll() }
        body(publication.body, channel: channel, frameMax: frameMax, into: &cursor)
    }

    package static func channelOpen(_ channel: UInt16, into buffer: inout [UInt8]) {
        method(.channelOpen, channel: channel, into: &buffer) { $0.append(shortString: "") }
    }

    package static func channelCloseOK(_ channel: UInt16, into buffer: inout [UInt8]) {
        method(.channelCloseOK, channel: channel, into: &buffer) { _ in }
    }

    /// `connection.close` with reply code 200.
    package static func connectionClose(into buffer: inout [UInt8]) {
        method(.connectionClose, channel: 0, into: &buffer) { buffer in
            buffer.append(bigEndian: replySuccess)
            buffer.append(shortString: "")
            buffer.append(bigEndian: UInt32(0))  // no method is to blame
        }
    }

    package static func confirmSelect(_ channel: UInt16, into buffer: inout [UInt8]) {
        method(.confirmSelect, channel: channel, into: &buffer) { $0.append(0) }
    }

    package static func transactionSelect(_ channel: UInt16, into buffer: inout [UInt8]) {
        method(.txSelect, channel: channel, into: &buffer) { _ in }
    }

    /// A message on a channel in transactions, and `tx.rollback`: the broker checks it as any other and drops it.
    package static func lookUp(_ exchange: String, channel: UInt16 = lookUpChannel, into buffer: inout [UInt8]) {
        emptyMessage(exchange: exchange, routingKey: "socketio-gateway.look-up", channel: channel, into: &buffer)
        method(.txRollback, channel: channel, into: &buffer) { _ in }
    }

    /// Asks whether an exchange exists: `passive` creates nothing and compares neither type nor flags.
    package static func passiveExchangeDeclare(_ exchange: String, channel: UInt16, into buffer: inout [UInt8]) {
        exchangeDeclare(exchange, type: "direct", flags: Flag.passive, channel: channel, into: &buffer)
    }

    /// Declares an exchange that goes with the broker, not with its last queue.
    package static func exchangeDeclare(_ exchange: String, type: String, channel: UInt16, into buffer: inout [UInt8]) {
        exchangeDeclare(exchange, type: type, flags: 0, channel: channel, into: &buffer)
    }

    /// Declares an exchange that outlives the broker's restarts.
    package static func durableExchangeDeclare(
        _ exchange: String, type: String, channel: UInt16, into buffer: inout [UInt8]
    ) {
        exchangeDeclare(exchange, type: type, flags: Flag.durable, channel: channel, into: &buffer)
    }

    /// Declares an exchange in a way that the broker refuses, and says by that what there is: `alternate-exchange` is
    /// no name. See ``ExchangeProbe``.
    package static func exchangeProbe(_ exchange: String, type: String, channel: UInt16, into buffer: inout [UInt8]) {
        exchangeDeclare(exchange, type: type, flags: 0, channel: channel, into: &buffer) { arguments in
            arguments.append(shortString: "alternate-exchange")
            arguments.append(UInt8(ascii: "t"))
            arguments.append(1)
        }
    }

    private static func exchangeDeclare(
        _ exchange: String, type: String, flags: UInt8, channel: UInt16, into buffer: inout [UInt8],
        arguments: (inout FrameCursor) -> Void = { _ in }
    ) {
        method(.exchangeDeclare, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: UInt16(0))
            buffer.append(shortString: exchange)
            buffer.append(shortString: type)
            buffer.append(flags)
            buffer.sized(arguments)
        }
    }

    /// Declares an exclusive queue which the broker names; `maximumBytes`: of what waits in it, the oldest is dropped;
    /// `isTransient`: it goes with its last consumer.
    package static func queueDeclare(
        maximumBytes: Int32, isTransient: Bool = false, channel: UInt16, into buffer: inout [UInt8]
    ) {
        method(.queueDeclare, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: UInt16(0))
            buffer.append(shortString: "")
            buffer.append(isTransient ? Flag.exclusive | Flag.autoDelete : Flag.exclusive)
            buffer.sized { buffer in
                buffer.append(shortString: "x-max-length-bytes")
                buffer.append(UInt8(ascii: "I"))
                buffer.append(bigEndian: UInt32(bitPattern: maximumBytes))
            }
        }
    }

    /// Declares a durable queue of which one consumer at a time gets messages, another one when its connection ends; of
    /// what waits in it the oldest is dropped.
    package static func lockDeclare(_ queue: String, channel: UInt16, into buffer: inout [UInt8]) {
        method(.queueDeclare, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: UInt16(0))
            buffer.append(shortString: queue)
            buffer.append(Flag.durable)
            buffer.sized { buffer in
                buffer.append(shortString: "x-single-active-consumer")
                buffer.append(UInt8(ascii: "t"))
                buffer.append(1)
                buffer.append(shortString: "x-max-length")
                buffer.append(UInt8(ascii: "I"))
                buffer.append(bigEndian: UInt32(10))
            }
        }
    }

    /// Binds the queue that was declared last on the channel (AMQP 0-9-1, queue.bind: an empty name).
    package static func queueBind(exchange: String, routingKey: String, channel: UInt16, into buffer: inout [UInt8]) {
        method(.queueBind, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: UInt16(0))
            buffer.append(shortString: "")
            buffer.append(shortString: exchange)
            buffer.append(shortString: routingKey)
            buffer.append(0)
            buffer.append(bigEndian: UInt32(0))
        }
    }

    /// Takes a binding away, and is no error where there is none.
    package static func queueUnbind(
        _ queue: String, exchange: String, routingKey: String, channel: UInt16, into buffer: inout [UInt8]
    ) {
        method(.queueUnbind, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: UInt16(0))
            buffer.append(shortString: queue)
            buffer.append(shortString: exchange)
            buffer.append(shortString: routingKey)
            buffer.append(bigEndian: UInt32(0))
        }
    }

    /// Consumes without acknowledgements; an empty `queue` is the one that was declared last on the channel.
    package static func consume(_ queue: String, consumerTag: String, channel: UInt16, into buffer: inout [UInt8]) {
        method(.basicConsume, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: UInt16(0))
            buffer.append(shortString: queue)
            buffer.append(shortString: consumerTag)
            buffer.append(Flag.noAck)
            buffer.append(bigEndian: UInt32(0))
        }
    }

    /// Closes a channel, and with it everything that is consumed on it.
    package static func channelClose(_ channel: UInt16, into buffer: inout [UInt8]) {
        method(.channelClose, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: replySuccess)
            buffer.append(shortString: "")
            buffer.append(bigEndian: UInt32(0))
        }
    }

    package static func heartbeat(into buffer: inout [UInt8]) {
        frame(.heartbeat, channel: 0, into: &buffer) { _ in }
    }

    /// A message to no queue, on the control channel: the broker drops it, unless it has raised an alarm. Then it says
    /// `connection.blocked`, which it does only to those that publish (observed, RabbitMQ 3.10.8).
    package static func probe(into buffer: inout [UInt8]) {
        emptyMessage(exchange: "", routingKey: "socketio-gateway.probe", channel: controlChannel, into: &buffer)
    }

    private static func emptyMessage(
        exchange: String, routingKey: String, channel: UInt16, into buffer: inout [UInt8]
    ) {
        method(.basicPublish, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: UInt16(0))
            buffer.append(shortString: exchange)
            buffer.append(shortString: routingKey)
            buffer.append(0)
        }
        frame(.header, channel: channel, into: &buffer) { buffer in
            buffer.append(bigEndian: AMQPMethod.basicClass)
            buffer.append(bigEndian: UInt16(0))
            buffer.append(bigEndian: UInt64(0))
            buffer.append(bigEndian: UInt16(0))
        }
    }

    private static func header(
        _ publication: borrowing Publication, messageID: MessageID, replyTo: String?, channel: UInt16,
        into cursor: inout FrameCursor
    ) {
        let start = cursor.beginFrame(.header, channel: channel)
        cursor.append(bigEndian: AMQPMethod.basicClass)
        cursor.append(bigEndian: UInt16(0))
        cursor.append(bigEndian: UInt64(publication.body.count))
        var flags = Property.messageID
        let hasHeaders = !publication.carbonCopies.isEmpty || publication.trace != nil
        if hasHeaders { flags |= Property.headers }
        if publication.expiration != nil { flags |= Property.expiration }
        // A question's id is its correlation id, too.
        if replyTo != nil { flags |= Property.correlationID | Property.replyTo }
        cursor.append(bigEndian: flags)
        if hasHeaders { headersTable(publication, into: &cursor) }
        if let replyTo {
            cursor.append(messageID)
            cursor.append(shortString: replyTo)
        }
        if let expiration = publication.expiration { cursor.append(shortString: String(expiration)) }
        cursor.append(messageID)
        cursor.endFrame(start)
    }

    private static func headersTable(_ publication: borrowing Publication, into cursor: inout FrameCursor) {
        cursor.sized { cursor in
            if !publication.carbonCopies.isEmpty {
                cursor.append(shortString: "CC")
                cursor.append(UInt8(ascii: "A"))
                cursor.sized { cursor in
                    for key in publication.carbonCopies { cursor.append(longString: key) }
                }
            }
            guard let trace = publication.trace else { return }
            cursor.append(shortString: "traceparent")
            cursor.append(longString: trace.traceparent)
            guard let state = trace.tracestate else { return }
            cursor.append(shortString: "tracestate")
            cursor.append(longString: state)
        }
    }

    private static func body(_ body: [UInt8], channel: UInt16, frameMax: Int, into cursor: inout FrameCursor) {
        let most = frameMax - frameOverhead
        body.withUnsafeBytes { body in
            var start = 0
            while start < body.count {
                let end = min(start + most, body.count)
                cursor.frame(.body, channel: channel) {
                    $0.append(UnsafeRawBufferPointer(rebasing: body[start..<end]))
                }
                start = end
            }
        }
    }

    /// The most bytes of a frame that is not a message: three names and the bytes between them.
    private static let mostOfMethod = 1_024

    static func method(
        _ method: AMQPMethod, channel: UInt16, into buffer: inout [UInt8], _ arguments: (inout FrameCursor) -> Void
    ) {
        write(into: &buffer, atMost: mostOfMethod) {
            $0.method(method, channel: channel, arguments)
        }
    }

    private static func frame(
        _ type: FrameType, channel: UInt16, into buffer: inout [UInt8], _ payload: (inout FrameCursor) -> Void
    ) {
        write(into: &buffer, atMost: mostOfMethod) { $0.frame(type, channel: channel, payload) }
    }

    /// Reserves memory at the end of a buffer, once for all that is written there.
    ///
    /// - Parameter most: the most bytes that may be written.
    @inline(__always)
    static func write(into buffer: inout [UInt8], atMost most: Int, _ write: (inout FrameCursor) -> Void) {
        buffer.append(addingCapacity: most) { span in
            span.withUnsafeMutableBufferPointer { memory, count in
                var cursor = FrameCursor(UnsafeMutableRawBufferPointer(memory))
                write(&cursor)
                count = cursor.count
            }
        }
    }
}
