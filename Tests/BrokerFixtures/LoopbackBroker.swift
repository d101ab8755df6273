package import AMQP
package import CRabbitMQ
internal import EventLoop
import Glibc
import Synchronization

/// As much of a broker as a connection needs, on this machine: it opens everything, confirms every message, and hands each
/// to the test, which says what comes back.
///
/// `@unchecked Sendable`: each connection is served by a thread of its own; what they share is locked.
package final class LoopbackBroker: @unchecked Sendable {
    package typealias Handler = @Sendable (WrittenFrame, Peer) -> Void

    package let port: UInt16
    private let listener: Int32
    private let handler: Handler
    private let peers = Mutex<[Peer]>([])
    /// How many connections there have been.
    package let connections = Atomic<Int>(0)
    /// Drops connections as soon as they have come.
    package let refuses = Atomic<Bool>(false)

    package init(_ handler: @escaping Handler = { _, _ in }) {
        self.handler = handler
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        port = withUnsafeMutableBytes(of: &address) { [listener] bytes in
            let pointer = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            precondition(bind(listener, pointer, size) == 0 && listen(listener, 64) == 0)
            getsockname(listener, pointer, &size)
            return UInt16(bigEndian: bytes.load(as: sockaddr_in.self).sin_port)
        }
        precondition(SystemThread.detach(name: "broker") { [self] in accept() })
    }

    package var configuration: BrokerLink.Configuration {
        try! BrokerLink.Configuration(url: "amqp://127.0.0.1:\(port)")
    }

    /// Breaks all connections.
    package func drop() { for peer in peers.withLock({ $0 }) { peer.close() } }

    package func stop() {
        refuses.store(true, ordering: .relaxed)
        shutdown(listener, Int32(SHUT_RDWR))
        drop()
    }

    private func accept() {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { break }
            connections.add(1, ordering: .relaxed)
            let peer = Peer(descriptor)
            peers.withLock { $0.append(peer) }
            if refuses.load(ordering: .relaxed) { peer.close() }
            precondition(SystemThread.detach(name: "peer") { [handler] in peer.serve(handler) })
        }
        close(listener)
    }

    /// One connection.
    ///
    /// `@unchecked Sendable`: its thread reads; what anybody writes is whole frames, under a lock.
    package final class Peer: @unchecked Sendable {
        private let descriptor: Int32
        /// Whether the descriptor is still ours: another connection may have its number afterwards.
        private let isOpen = Mutex(true)
        private var tag: UInt64 = 0
        private var confirms = false
        /// `connection.start-ok`, as it came: what the client says of itself.
        package private(set) var greeting: [UInt8] = []

        fileprivate init(_ descriptor: Int32) {
            self.descriptor = descriptor
        }

        package func close() {
            isOpen.withLock { if $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
        }

        package func send(_ bytes: [UInt8]) {
            isOpen.withLock { if $0 { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) } }
        }

        package func send<Method: BitwiseCopyable>(_ id: amqp_method_number_t, _ method: Method, channel: UInt16) {
            send(LibraryFrames.method(channel: channel, id, method))
        }

        package func deliver(_ text: String, to tag: String, id: String = "", channel: UInt16) {
            var deliver = amqp_basic_deliver_t()
            deliver.consumer_tag = amqp_bytes_t(copying: tag)
            let publication = Publication(exchange: "", routingKey: "", body: Array(text.utf8))
            send(
                LibraryFrames.method(channel: channel, 0x003C_003C, deliver)
                    + LibraryFrames.header(publication, messageID: id, replyTo: "r", channel: channel)
                    + LibraryFrames.frame(type: 3, channel: channel, payload: publication.body))
        }

        /// Gives a message back that no queue takes.
        package func giveBack(_ id: String, channel: UInt16 = 1) {
            let publication = Publication(exchange: "", routingKey: "", body: [])
            send(
                LibraryFrames.method(channel: channel, 0x003C_0032, amqp_basic_return_t())
                    + LibraryFrames.header(publication, messageID: id, channel: channel))
        }

        package func hear(_ text: String) { deliver(text, to: "presence", channel: 2) }
        package func reply(_ text: String, to id: String) { deliver(text, to: "replies", id: id, channel: 1) }

        private func read(_ count: Int) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            let read = bytes.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, count, Int32(MSG_WAITALL)) }
            return read == count ? bytes : nil
        }

        private func frame() -> (head: [UInt8], payload: [UInt8])? {
            guard let head = read(7) else { return nil }
            let size = head[3...].reduce(0) { $0 << 8 | Int($1) }
            guard let payload = read(size + 1) else { return nil }
            return (head, payload)
        }

        fileprivate func serve(_ handler: Handler) {
            defer {
                isOpen.withLock {
                    $0 = false
                    _ = Glibc.close(descriptor)
                }
            }
            guard read(8) != nil else { return }
            var start = amqp_connection_start_t()
            start.version_minor = 9
            start.mechanisms = amqp_bytes_t(copying: "PLAIN")
            start.locales = amqp_bytes_t(copying: "en_US")
            send(0x000A_000A, start, channel: 0)
            while let (head, payload) = frame() {
                guard head[0] == 1 else { continue }
                handle(head, payload, handler)
            }
        }

        private func handle(_ head: [UInt8], _ payload: [UInt8], _ handler: Handler) {
            let channel = UInt16(head[1]) << 8 | UInt16(head[2])
            switch payload[..<4].reduce(0, { $0 << 8 | UInt32($1) }) {
            case 0x000A_000B:
                greeting = payload
                var tune = amqp_connection_tune_t()
                tune.channel_max = 2_047
                tune.frame_max = 131_072
                send(0x000A_001E, tune, channel: 0)
            case 0x000A_0028: send(0x000A_0029, amqp_connection_open_ok_t(), channel: 0)
            case 0x000A_0032: send(0x000A_0033, amqp_connection_close_ok_t(), channel: 0)
            case 0x0014_000A: send(0x0014_000B, amqp_channel_open_ok_t(), channel: channel)
            case 0x0014_0028: send(0x0014_0029, amqp_channel_close_ok_t(), channel: channel)
            case 0x0028_000A: send(0x0028_000B, amqp_exchange_declare_ok_t(), channel: channel)
            case 0x0032_000A: send(0x0032_000B, amqp_queue_declare_ok_t(), channel: channel)
            case 0x0032_0014: send(0x0032_0015, amqp_queue_bind_ok_t(), channel: channel)
            case 0x003C_0014:
                guard case .consume(_, let tag, _)? = WrittenFrame.read(head + payload).first else { return }
                var consuming = amqp_basic_consume_ok_t()
                consuming.consumer_tag = amqp_bytes_t(copying: tag)
                send(0x003C_0015, consuming, channel: channel)
            case 0x0055_000A:
                confirms = true
                send(0x0055_000B, amqp_confirm_select_ok_t(), channel: channel)
            case 0x005A_000A: send(0x005A_000B, amqp_tx_select_ok_t(), channel: channel)
            case 0x005A_001E: send(0x005A_001F, amqp_tx_rollback_ok_t(), channel: channel)
            case 0x003C_0028: handleMessage(head + payload, channel, handler)
            default: break
            }
        }

        private func handleMessage(_ method: [UInt8], _ channel: UInt16, _ handler: Handler) {
            guard let header = frame() else { return }
            var (bytes, left) = (
                method + header.head + header.payload, header.payload[4..<12].reduce(0) { $0 << 8 | Int($1) }
            )
            while left > 0, let body = frame() {
                bytes += body.head + body.payload
                left -= body.payload.count - 1
            }
            // A look-up is rolled back.
            guard channel != FrameWriter.lookUpChannel else { return }
            if let message = WrittenFrame.read(bytes).first { handler(message, self) }
            guard confirms, channel == 1 else { return }
            tag += 1
            var ack = amqp_basic_ack_t()
            ack.delivery_tag = tag
            send(0x003C_0050, ack, channel: 1)
        }
    }
}
