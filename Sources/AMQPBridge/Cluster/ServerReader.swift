internal import AMQP
internal import EventLoop
internal import JSON

/// Reads what servers send, and warns of what is not as it should be: once a minute for each server.
///
/// Lives on the cluster client's thread.
final class ServerReader {
    /// Called with what came and was not as it should be.
    var warned: ((ClusterWarning) -> Void)?
    private var warnings = WarningLimiter<String>()
    /// Heartbeats come again and again, and answers differ in numbers and ids.
    private let outlines = KnownOutlines(maximumDepth: ServerText.maximumDepth, allowsRepeatedKeys: true)

    func read(_ body: [UInt8], now: MonotonicTime) -> ServerMessage? {
        let (message, warning) = ServerMessage.read(body, known: outlines)
        warn(warning, now: now)
        return message
    }

    func warn(_ warning: ClusterWarning?, now: MonotonicTime) {
        guard let warning, warnings.allows(warning.server, now: now) else { return }
        warned?(warning)
    }

    /// A message is longer than any that is read here.
    func passOver(_ message: ContentAssembler.Message, now: MonotonicTime) {
        // What servers say to each other may be long, and is not for us.
        if case .delivery(CallbackQueue.tag) = message.source { return }
        let size = Int(clamping: message.size)
        warn(ClusterWarning(.ignored, server: nil, namespace: nil, reason: "too long", bytes: size), now: now)
    }

    /// A server's word on itself is not kept.
    func passOver(_ message: ServerMessage, now: MonotonicTime) {
        let reason = "too many servers, or they say too much of themselves"
        warn(
            ClusterWarning(.ignored, server: message.uid, namespace: nil, reason: reason, bytes: message.size),
            now: now)
    }
}
