internal import AMQP
internal import AMQPBridge
internal import ArgumentParser
internal import EventLoop
internal import Glibc
internal import SettingTypes

/// `socketio-gateway healthcheck`: for a container's HEALTHCHECK, which has no curl.
struct HealthcheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "healthcheck",
        abstract: "Ask a running gateway for /livez; the exit code is 0 if it answers 200, and 1 otherwise.")

    @Option(\.httpAddress, help: "Where the gateway listens.") var httpAddress: String?

    @Option(
        help: ArgumentHelp("The gateway's configuration file. (GATEWAY_CONFIG)", valueName: "file"), completion: .file()
    )
    var config: String?

    @Flag(help: "Ask for /readyz instead.")
    var ready = false

    @Option(
        help: ArgumentHelp("How long to wait for the answer; a number alone is seconds.", valueName: "duration"),
        transform: {
            let type = SettingType.duration(from: .seconds(1), to: .seconds(600))
            guard let duration = type.parse($0) else { throw ValidationError("it must be \(type.kind.expected)") }
            return duration
        })
    var timeout = Duration.seconds(2)

    func run() throws {
        let address = try Self.address(options: settingTexts, config: config, environment: .process)
        let status: Int
        do throws(HealthProbe.NoAnswer) {
            status = try HealthProbe(address.reachable, timeout: timeout).status(of: ready ? "/readyz" : "/livez")
        } catch {
            StandardError.write("socketio-gateway: no answer from \(address.reachable): \(error)\n")
            throw ExitCode.failure
        }
        guard status == 200 else {
            StandardError.write("socketio-gateway: \(address.reachable) answered \(status)\n")
            throw ExitCode.failure
        }
    }

    /// Where the gateway listens. Of a file nothing else matters: the running gateway goes on with what it has when the file
    /// has become invalid, and is not ill.
    static func address(
        options: [Setting: String], config: String?, environment: Environment
    ) throws(ConfigurationError) -> ListenAddress {
        let file = (config ?? environment[Environment.configurationFile]).flatMap { ConfigurationFile(salvaging: $0) }
        return try SettingSource(environment: environment, options: options, file: file).read(\.httpAddress)
    }
}

extension ListenAddress {
    /// An address of this machine under which the gateway can be reached: a wildcard is none.
    fileprivate var reachable: ListenAddress {
        switch host {
        case "", "0.0.0.0": ListenAddress(host: "127.0.0.1", port: port)
        case "::": ListenAddress(host: "::1", port: port)
        default: self
        }
    }
}

/// One GET on a connection of its own.
private struct HealthProbe {
    /// Why there was no answer.
    struct NoAnswer: Error, CustomStringConvertible {
        let description: String
    }

    private let address: ListenAddress
    private let timeout: Duration

    init(_ address: ListenAddress, timeout: Duration) {
        self.address = address
        self.timeout = timeout
    }

    /// The status of the answer.
    func status(of path: String) throws(NoAnswer) -> Int {
        let deadline = MonotonicTime.now() + timeout
        let descriptor = try connect()
        defer { close(descriptor) }
        // The gateway serves loopback names to those without a key.
        let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        // So few bytes always fit into the buffer of a fresh connection.
        let sent = request.withCString { send(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
        guard sent == request.utf8.count else { throw NoAnswer(errno: errno) }
        // "HTTP/1.1 200 "
        var answer: [UInt8] = []
        while answer.count < 12 {
            try wait(for: descriptor, until: deadline)
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = recv(descriptor, &bytes, bytes.count, 0)
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count >= 0 else { throw NoAnswer(errno: errno) }
            guard count > 0 else { throw NoAnswer(description: "the connection was closed") }
            answer += bytes[..<count]
        }
        guard answer.starts(with: "HTTP/1.".utf8), let status = Int(String(decoding: answer[9..<12], as: UTF8.self))
        else { throw NoAnswer(description: "what answers does not speak HTTP") }
        return status
    }

    private func connect() throws(NoAnswer) -> Int32 {
        do throws(TCPSocket.Failure) {
            return try TCPSocket.connect(to: address.host, port: Int(address.port), within: timeout)
        } catch {
            throw NoAnswer(description: error.description)
        }
    }

    private func wait(for descriptor: Int32, until deadline: MonotonicTime) throws(NoAnswer) {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let left = (deadline - .now()).nanoseconds / 1_000_000
        guard left > 0, poll(&entry, 1, Int32(clamping: left)) != 0 else { throw NoAnswer(errno: ETIMEDOUT) }
    }
}

extension HealthProbe.NoAnswer {
    init(errno code: Int32) {
        self.init(description: TCPSocket.Failure(errno: code).description)
    }
}
