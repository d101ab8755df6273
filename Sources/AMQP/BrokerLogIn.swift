/// The log-in on a new connection, plain or TLS, as a state machine without I/O: the broker's frames go in, bytes for
/// it come out.
struct BrokerLogIn {
    /// The limits agreed on with the broker (`connection.tune-ok`).
    struct Agreement: Equatable {
        let channelMax: Int
        /// The most bytes of a frame.
        let frameMax: Int
        /// The time between heartbeats, in seconds; 0: there are none.
        let heartbeat: Int
    }

    private enum State {
        /// Waits for `connection.start`, which offers ways to log in.
        case waitsForStart
        /// Waits for `connection.tune`, which says that the credentials are good.
        case waitsForTune
        /// Waits for `connection.open-ok`, which says that we may use the virtual host.
        case waitsForOpen(Agreement)
        case open(Agreement)
    }

    /// RabbitMQ's own default.
    private static let wantedFrameMax = 131_072
    /// The size of a frame, in bytes, that every peer must take (AMQP 0-9-1, `frame-min-size`).
    private static let leastFrameMax = 4_096

    private let endpoint: BrokerEndpoint
    private let name: String
    /// The time between heartbeats that we ask for, in seconds; 0: none are wanted.
    private let wantedHeartbeat: Int
    private var state = State.waitsForStart

    /// - Parameters:
    ///   - name: the name under which RabbitMQ's management shows the connection.
    ///   - heartbeat: the longest time between them, whole seconds; 0: none.
    init(_ endpoint: BrokerEndpoint, name: String, heartbeat: Duration) {
        self.endpoint = endpoint
        self.name = name
        wantedHeartbeat = Int((endpoint.heartbeat ?? heartbeat).components.seconds)
    }

    /// The agreement, as soon as the connection is open.
    var result: Agreement? { if case .open(let agreement) = state { agreement } else { nil } }

    /// The agreement, as soon as it holds for incoming frames.
    var agreement: Agreement? {
        switch state {
        case .waitsForOpen(let agreement), .open(let agreement): agreement
        case .waitsForStart, .waitsForTune: nil
        }
    }

    mutating func begin(into buffer: inout [UInt8]) { FrameWriter.protocolHeader(into: &buffer) }

    mutating func handle(_ frame: InboundFrame, into buffer: inout [UInt8]) throws(BrokerError) {
        switch (state, frame) {
        case (_, .connectionClosed(let close)): throw BrokerError(loginRefused: close, endpoint)
        case (_, .otherVersion):
            throw BrokerError("what answers does not speak AMQP 0-9-1: is this RabbitMQ's port for AMQP?")
        case (.waitsForStart, .started(let mechanisms)):
            try start(mechanisms, into: &buffer)
            state = .waitsForTune
        case (.waitsForTune, .tuned(let channelMax, let frameMax, let heartbeat)):
            guard frameMax == 0 || frameMax >= Self.leastFrameMax else {
                throw BrokerError("the broker wants frames of at most \(frameMax) bytes, which AMQP does not allow")
            }
            let agreement = Agreement(
                channelMax: channelMax, frameMax: Self.least(frameMax, Self.wantedFrameMax),
                heartbeat: wantedHeartbeat == 0 ? 0 : Self.least(heartbeat, wantedHeartbeat))
            FrameWriter.tuneOK(
                channelMax: agreement.channelMax, frameMax: agreement.frameMax, heartbeat: agreement.heartbeat,
                into: &buffer)
            FrameWriter.connectionOpen(virtualHost: endpoint.virtualHost, into: &buffer)
            state = .waitsForOpen(agreement)
        case (.waitsForTune, .challenged):
            throw BrokerError("the broker asks for more than \(endpoint.mechanism.name) says to log in")
        case (.waitsForOpen(let agreement), .connectionOpened): state = .open(agreement)
        // Heartbeats may come as soon as there is a tune-ok.
        case (.waitsForOpen, .other), (.open, .other): break
        default: throw BrokerError("the broker's frames do not follow each other")
        }
    }

    private func start(_ mechanisms: String, into buffer: inout [UInt8]) throws(BrokerError) {
        let mechanism = endpoint.mechanism.name
        let offered = mechanisms.split(separator: " ").map(String.init)
        guard offered.contains(mechanism) else {
            let hint = endpoint.mechanism == .external ? ": is its plugin rabbitmq_auth_mechanism_ssl enabled?" : ""
            throw BrokerError("the broker does not offer the mechanism \(mechanism), but \(offered.inWords)\(hint)")
        }
        let response = endpoint.mechanism == .plain ? "\0\(endpoint.user)\0\(endpoint.password)" : ""
        FrameWriter.startOK(name: name, mechanism: mechanism, response: response, into: &buffer)
    }

    /// The lower of two limits, of which 0 is no limit.
    private static func least(_ one: Int, _ other: Int) -> Int {
        one == 0 ? other : min(one, other)
    }
}

extension BrokerEndpoint.Mechanism {
    /// SASL's.
    fileprivate var name: String {
        switch self {
        case .plain: "PLAIN"
        case .external: "EXTERNAL"
        }
    }
}

extension [String] {
    /// `a, b and c`
    fileprivate var inWords: String {
        guard count > 1, let last else { return first ?? "none" }
        return "\(dropLast().joined(separator: ", ")) and \(last)"
    }
}
