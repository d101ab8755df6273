import BrokerFixtures
import Testing

@testable import AMQP

@Suite("A log-in")
struct BrokerLogInTests {
    private func endpoint(_ url: String = "amqp://me:word@host/v") throws -> BrokerEndpoint {
        try BrokerURL.endpoints(of: url, tls: BrokerTLS())[0]
    }

    /// What it says to these frames, without the first eight bytes.
    private func answers(
        _ frames: [InboundFrame], to url: String = "amqp://me:word@host/v", heartbeat: Duration = .seconds(10)
    ) throws -> (logIn: BrokerLogIn, bytes: [UInt8]) {
        var logIn = BrokerLogIn(try endpoint(url), name: "name", heartbeat: heartbeat)
        var bytes: [UInt8] = []
        logIn.begin(into: &bytes)
        #expect(bytes == Array("AMQP".utf8) + [0, 0, 9, 1])
        bytes = []
        for frame in frames { try logIn.handle(frame, into: &bytes) }
        return (logIn, bytes)
    }

    private static let start = InboundFrame.started(mechanisms: "AMQPLAIN PLAIN")
    private static let tune = InboundFrame.tuned(channelMax: 2_047, frameMax: 131_072, heartbeat: 60)

    @Test("is done when the virtual host is open")
    func done() throws {
        var (logIn, bytes) = try answers([Self.start])
        #expect(bytes.contains(text: "\u{5}PLAIN\0\0\0\u{8}\0me\0word\u{5}en_US"))
        #expect(bytes.contains(text: "connection_nameS\0\0\0\u{4}name"))
        for word in ["connection.blocked", "publisher_confirms", "basic.nack", "consumer_cancel_notify"] {
            #expect(bytes.contains(text: "\(word)t\u{1}"))
        }
        #expect(logIn.agreement == nil)
        bytes = []
        try logIn.handle(Self.tune, into: &bytes)
        // tune-ok, and open, in one go.
        #expect(bytes.prefix(20) == [1, 0, 0, 0, 0, 0, 12, 0, 10, 0, 31, 0x07, 0xFF, 0, 2, 0, 0, 0, 10, 0xCE])
        #expect(bytes.dropFirst(20) == [1, 0, 0, 0, 0, 0, 8, 0, 10, 0, 40, 1, UInt8(ascii: "v"), 0, 0, 0xCE])
        let agreement = BrokerLogIn.Agreement(channelMax: 2_047, frameMax: 131_072, heartbeat: 10)
        #expect(logIn.agreement == agreement && logIn.result == nil)
        try logIn.handle(.other, into: &bytes)
        try logIn.handle(.connectionOpened, into: &bytes)
        #expect(logIn.result == agreement)
    }

    @Test(
        "agrees on the lower limit, where one is set",
        arguments: [
            (0, 0, 10, 131_072, 10), (4_096, 5, 10, 4_096, 5), (1 << 30, 60, 10, 131_072, 10), (0, 60, 0, 131_072, 0),
            (0, 0, 0, 131_072, 0),
        ])
    func limits(frameMax: Int, heartbeat: Int, wanted: Int, agreedFrameMax: Int, agreedHeartbeat: Int) throws {
        let tune = InboundFrame.tuned(channelMax: 0, frameMax: frameMax, heartbeat: heartbeat)
        let (logIn, _) = try answers([Self.start, tune], heartbeat: .seconds(wanted))
        #expect(logIn.agreement?.frameMax == agreedFrameMax && logIn.agreement?.heartbeat == agreedHeartbeat)
    }

    @Test("takes the heartbeat that the URL asks for")
    func heartbeatOfURL() throws {
        let (logIn, _) = try answers([Self.start, Self.tune], to: "amqp://host?heartbeat=3")
        #expect(logIn.agreement?.heartbeat == 3)
    }

    @Test("by certificate says nothing but that")
    func external() throws {
        let url = "amqps://host?auth_mechanism=external"
        let (_, bytes) = try answers([.started(mechanisms: "PLAIN EXTERNAL")], to: url)
        #expect(bytes.contains(text: "\u{8}EXTERNAL\0\0\0\0\u{5}en_US"))
        #expect(!bytes.contains(text: "guest"))
        let error = try #require(throws: BrokerError.self) { try answers([Self.start], to: url) }
        #expect(
            error.description
                == "the broker does not offer the mechanism EXTERNAL, but AMQPLAIN and PLAIN: "
                + "is its plugin rabbitmq_auth_mechanism_ssl enabled?")
    }

    @Test(
        "says why it fails",
        arguments: [
            (
                [start, .connectionClosed(ConnectionClose(code: 403, text: "ACCESS_REFUSED - Login was refused"))],
                "login refused: wrong user or password (ACCESS_REFUSED)"
            ),
            (
                [start, tune, .connectionClosed(ConnectionClose(code: 530, text: "NOT_ALLOWED - vhost v not found"))],
                "there is no virtual host 'v' (NOT_ALLOWED)"
            ),
            ([.otherVersion], "what answers does not speak AMQP 0-9-1: is this RabbitMQ's port for AMQP?"),
            ([start, .challenged], "the broker asks for more than PLAIN says to log in"),
            (
                [start, .tuned(channelMax: 0, frameMax: 100, heartbeat: 0)],
                "the broker wants frames of at most 100 bytes, which AMQP does not allow"
            ),
            ([tune], "the broker's frames do not follow each other"),
            ([start, start], "the broker's frames do not follow each other"),
            ([start, tune, tune], "the broker's frames do not follow each other"),
            ([start, .connectionOpened], "the broker's frames do not follow each other"),
            ([.started(mechanisms: "")], "the broker does not offer the mechanism PLAIN, but none"),
        ])
    func failures(frames: [InboundFrame], words: String) throws {
        let error = try #require(throws: BrokerError.self) { try answers(frames, to: "amqp://me:SECRET@host/v") }
        #expect(error.description == words)
    }
}

@Suite("A failure of TLS")
struct TLSFailureTests {
    @Test(
        "is said in words that help",
        arguments: [
            (
                "certificate verify failed", "hostname mismatch",
                "the broker's certificate is not believed: hostname mismatch"
            ),
            ("wrong version number", nil, "the port does not speak TLS (wrong version number): is it one for amqp://?"),
            ("unexpected eof while reading", nil, "the broker closed the connection without a word of TLS"),
            (
                "tlsv13 alert certificate required", nil,
                "the broker wants a client certificate (tlsv13 alert certificate required)"
            ),
            (
                "tlsv1 alert unknown ca", nil,
                "the broker refuses our TLS (tlsv1 alert unknown ca): does it want a client certificate, or another one?"
            ),
            ("no suitable signature algorithm", nil, "TLS failed: no suitable signature algorithm"),
        ])
    func words(reason: String, verdict: String?, words: String) {
        #expect(TLSFailure(reason: reason, verdict: verdict).description == words)
    }
}

extension [UInt8] {
    fileprivate func contains(text: String) -> Bool { firstRange(of: Array(text.utf8)) != nil }
}
