internal import AMQP

extension ClusterSession {
    struct Limits: Sendable, Equatable {
        /// The most callers that may wait.
        var waiting = 10_000
        /// The longest answer of a server, in bytes.
        var answerBytes = ServerText.maximumBytes
        /// The longest heartbeat, in bytes: thousands of namespaces.
        var heartbeatBytes = 256 << 10
        /// The most bytes that may wait to be sent.
        var pendingBytes = 32 << 20
        var table = QuestionTable.Limits()
    }
}

extension ContentAssembler {
    init(_ limits: ClusterSession.Limits) {
        self.init(
            maximumBytes: limits.answerBytes,
            on: [
                ServerRoster.channel: limits.heartbeatBytes,
                ServerEvents.channel: ServerEvents.longestMessage,
            ])
    }
}
