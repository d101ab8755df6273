internal import AMQP
internal import CLinux
internal import EventLoop
internal import JSON

/// Acknowledgements of python-socketio's clients, as their servers send them to the emitter: to the fanout that all
/// servers listen to. A reader of it receives all of their traffic, so it is read only while a caller waits.
///
/// It has a channel of its own. Lives on the cluster client's thread.
final class CallbackQueue {
    static let tag = "callbacks"
    static let channel: UInt16 = 3
    /// The most bytes that may wait in the queue; beyond that the oldest message is dropped.
    private static let queueBytes: Int32 = 16 << 20

    struct Limits: Sendable, Equatable {
        /// The most that one caller is given, in bytes.
        var bytesPerCaller = 4 << 20
        /// The most that is kept for all of them together.
        var bytes = 32 << 20
    }

    private struct Waiter {
        let mode: AcknowledgementMode
        let deadline: MonotonicTime
        /// Called once the queue is bound, or with why it is not.
        var opened: ((Opening) -> Void)?
        let finished: ([JSONText]) -> Void
        var responses: [JSONText] = []
        var bytes = 0
    }

    enum Opening: Sendable, Equatable {
        case open
        /// No server has ever been there.
        case noExchange
        case failed(ClusterError)
    }

    private enum State {
        case closed, opening, open
        /// The broker has not confirmed yet that the channel is closed: only then may it be opened again.
        case closing
    }

    /// The servers' fanout.
    private let exchange: String
    /// The host id that messages for us carry, as bytes.
    private let hostID: [UInt8]
    private let limits: Limits
    private var state = State.closed
    private var waiters: [Int: Waiter] = [:]
    private var deadlines = DeadlineTicks()
    private var bytes = 0

    init(exchange: String, hostID: String, limits: Limits = Limits()) {
        self.limits = limits
        self.exchange = exchange
        self.hostID = Array(hostID.utf8)
    }

    var deadline: MonotonicTime? { deadlines.next }
    var waiting: Int { waiters.count }

    /// Waits for the answers that carry this number.
    ///
    /// - Parameters:
    ///   - opened: called when answers can come: then, and not before, the event may be published.
    ///   - finished: called with each client's arguments when the first has come, or the time is over.
    func wait(
        for number: Int, mode: AcknowledgementMode, deadline: MonotonicTime, into buffer: inout [UInt8],
        opened: @escaping (Opening) -> Void, finished: @escaping ([JSONText]) -> Void
    ) {
        var waiter = Waiter(mode: mode, deadline: deadline, opened: nil, finished: finished)
        if state != .open { waiter.opened = opened }
        waiters[number] = waiter
        deadlines.add(String(number), at: deadline)
        switch state {
        case .open: opened(.open)
        case .opening, .closing: break
        case .closed: open(into: &buffer)
        }
    }

    private func open(into buffer: inout [UInt8]) {
        state = .opening
        FrameWriter.channelOpen(Self.channel, into: &buffer)
        // A queue that could not be bound would stay, without a consumer to go with.
        FrameWriter.passiveExchangeDeclare(exchange, channel: Self.channel, into: &buffer)
    }

    /// Takes a frame of the channel. The steps that open the queue are asked for one by one: of several questions
    /// behind one that is refused the broker refuses each (observed, RabbitMQ 3.10.8), and a second `close-ok` ends the
    /// connection.
    func handle(_ frame: InboundFrame, into buffer: inout [UInt8]) {
        switch frame {
        case .channelClosed(let close):
            FrameWriter.channelCloseOK(Self.channel, into: &buffer)
            refused(close)
        case .channelCloseConfirmed: channelClosed(into: &buffer)
        case .consumerCancelled: queueLost(into: &buffer)
        case _ where state != .opening: break
        case .exchangeFound:
            FrameWriter.queueDeclare(
                maximumBytes: Self.queueBytes, isTransient: true, channel: Self.channel, into: &buffer)
        case .queueDeclared:
            FrameWriter.queueBind(exchange: exchange, routingKey: "*", channel: Self.channel, into: &buffer)
        case .queueBound: FrameWriter.consume("", consumerTag: Self.tag, channel: Self.channel, into: &buffer)
        case .consuming: opened()
        default: break
        }
    }

    /// The broker has confirmed that the channel is closed.
    private func channelClosed(into buffer: inout [UInt8]) {
        guard state == .closing else { return }
        state = .closed
        if !waiters.isEmpty { open(into: &buffer) }
    }

    /// Ends the wait for this number, which its caller has given up.
    func abandon(_ number: Int, into buffer: inout [UInt8]) {
        guard let waiter = remove(number, into: &buffer) else { return }
        waiter.opened?(.failed(.abandoned))
        waiter.finished([])
    }

    private func opened() {
        state = .open
        for number in waiters.keys {
            let opened = waiters[number]?.opened
            waiters[number]?.opened = nil
            opened?(.open)
        }
    }

    /// The broker has closed the channel.
    private func refused(_ close: ChannelClose) {
        state = .closed
        fail(close.isNotFound ? .noExchange : .failed(.brokerRefused(exchange: exchange)))
    }

    /// The broker has taken the queue away.
    private func queueLost(into buffer: inout [UInt8]) {
        close(into: &buffer)
        fail(.failed(.brokerUnavailable))
    }

    func disconnected() {
        state = .closed
        fail(.failed(.brokerUnavailable))
    }

    func expire(now: MonotonicTime, into buffer: inout [UInt8]) {
        for number in deadlines.due(now: now).compactMap({ Int($0) }) {
            guard let waiter = remove(number, into: &buffer) else { continue }
            waiter.opened?(.failed(.brokerUnavailable))
            waiter.finished(waiter.responses)
        }
    }

    /// Takes all messages that servers send to each other; those that are not for us are not even parsed.
    ///
    /// - Returns: the warning of a message for us that is not as it should be.
    func receive(_ body: [UInt8], into buffer: inout [UInt8]) -> ClusterWarning? {
        guard contains(hostID, body) else { return nil }
        let text: ServerText
        do throws(JSONError) {
            text = try ServerText(body)
        } catch {
            return ClusterWarning(ignored: body, reason: error.detail)
        }
        let message = text.root.members
        guard message["method"]?.string == "callback", message["host_id"]?.string.map({ Array($0.utf8) }) == hostID,
            let number = message["id"]?.integer, let arguments = message["args"], arguments.kind == .array
        else { return nil }
        take(arguments.text, for: number, into: &buffer)
        return text.fault.map { fault in
            ClusterWarning(
                .repaired, server: nil, namespace: message["namespace"]?.string, reason: fault.detail, bytes: body.count
            )
        }
    }

    private func take(_ arguments: JSONText, for number: Int, into buffer: inout [UInt8]) {
        let size = arguments.heldBytes
        guard var waiter = waiters[number], waiter.bytes + size <= limits.bytesPerCaller,
            bytes + size <= limits.bytes
        else { return }
        waiter.responses.append(arguments)
        waiter.bytes += size
        bytes += size
        waiters[number] = waiter
        if waiter.mode == .first, let waiter = remove(number, into: &buffer) { waiter.finished(waiter.responses) }
    }

    private func fail(_ opening: Opening) {
        let failed = waiters
        waiters = [:]
        deadlines = DeadlineTicks()
        bytes = 0
        for waiter in failed.values {
            waiter.opened?(opening)
            waiter.finished(waiter.responses)
        }
    }

    private func remove(_ number: Int, into buffer: inout [UInt8]) -> Waiter? {
        guard let waiter = waiters.removeValue(forKey: number) else { return nil }
        deadlines.remove(String(number), at: waiter.deadline)
        bytes -= waiter.bytes
        if waiters.isEmpty { close(into: &buffer) }
        return waiter
    }

    /// The queue goes with its consumer.
    private func close(into buffer: inout [UInt8]) {
        guard state == .open || state == .opening else { return }
        FrameWriter.channelClose(Self.channel, into: &buffer)
        state = .closing
    }

    private func contains(_ needle: [UInt8], _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            needle.withUnsafeBytes { needle in
                gateway_memmem(bytes.baseAddress, bytes.count, needle.baseAddress, needle.count) != nil
            }
        }
    }
}
