package import AMQP
internal import SettingTypes

/// The check whether RabbitMQ would do what the gateway will ask of it: all is tried, nothing is delivered, and nothing
/// stays there.
package struct BrokerCheck: Sendable {
    /// The result of one try.
    package enum Finding: Sendable, Equatable {
        case works(String)
        /// A remark: nothing is wrong for most.
        case note(String)
        case fails(String)
        /// There is no connection to a broker, nor to another one.
        case unreachable(String)
    }

    package private(set) var findings: [Finding] = []
    /// A line for a shell on the broker's side that would help; `nil`: none is known.
    package private(set) var cure: String?

    /// The one that is being tried.
    private var endpoint: BrokerEndpoint
    private var isConnected = false
    private let wireFormat: any WireFormat
    private let formatName: String
    private let permissions: BrokerPermissions

    /// Tries. Blocks, some ten seconds for a broker that does not answer.
    ///
    /// - Parameter clusterExchange: where servers are asked; `nil`: they are asked nothing.
    package init(_ broker: BrokerLink.Configuration, wireFormat: any WireFormat, clusterExchange: String?) {
        (endpoint, self.wireFormat) = (broker.endpoint, wireFormat)
        formatName = type(of: wireFormat).name
        permissions = BrokerPermissions(wireFormat, clusterExchange: clusterExchange)
        var broker = broker
        broker.connectionName = "socketio-gateway config check"
        let endpoints = broker.endpoints
        var isChecked = false
        for endpoint in endpoints {
            self.endpoint = endpoint
            broker.endpoints = [endpoint]
            isConnected = false
            do throws(BrokerError) {
                let dialogue = try BrokerDialogue(broker)
                defer { dialogue.close() }
                isConnected = true
                findings.append(.works("connected to RabbitMQ at \(endpoint), \(endpoint.caller)"))
                // What holds for one node of a cluster holds for all.
                if !isChecked { try run(dialogue, clusterExchange) }
                isChecked = true
            } catch {
                noteLoss(error)
            }
        }
        // One of a cluster's nodes may be down. One that refuses us is there, and will refuse the gateway.
        guard isChecked else { return }
        findings = findings.map { finding in
            if case .unreachable(let text) = finding { .note(text) } else { finding }
        }
    }

    package var works: Bool {
        !findings.contains { finding in
            switch finding {
            case .fails, .unreachable: true
            case .works, .note: false
            }
        }
    }

    private mutating func noteLoss(_ error: BrokerError) {
        let sentence = endpoint.isNotConnected(error)
        findings.append(
            isConnected ? .fails(error.description) : error.cause == .other ? .unreachable(sentence) : .fails(sentence))
        switch error.cause {
        case .noPermission: cure = permissions.command(for: endpoint)
        case .noVirtualHost: cure = "rabbitmqctl add_vhost \(endpoint.virtualHost.quotedForShell)"
        case .credentials, .refused, .other: break
        }
    }

    private mutating func run(_ dialogue: BrokerDialogue, _ clusterExchange: String?) throws(BrokerError) {
        for exchange in wireFormat.exchanges {
            try checkEmits(to: exchange, isDeclared: exchange.name == clusterExchange, dialogue)
        }
        if let clusterExchange { try checkQuestions(over: clusterExchange, dialogue) }
        if case .refused(let close) = try dialogue.lookUp("") {
            let consequence = "while nothing is emitted, an alarm of RabbitMQ is not noticed"
            findings.append(
                .note("\(consequence): \(refusal(close, "write to", "the default exchange, 'amq.default'"))"))
        }
    }

    /// - Parameter isDeclared: whether the gateway makes the exchange where there is none.
    private mutating func checkEmits(
        to exchange: ServerExchange, isDeclared: Bool, _ dialogue: BrokerDialogue
    ) throws(BrokerError) {
        let name = "the exchange '\(exchange.name)'"
        if case .refused(let close) = try dialogue.lookUp(exchange.name) {
            guard close.isNotFound else {
                findings.append(.fails("emits would not work: \(refusal(close, "write to", name))"))
                return
            }
            findings.append(
                isDeclared
                    ? .works("emits: \(name) is not there yet, and the gateway makes it")
                    : .note(
                        "emits: \(name) is not there yet: no server of \(formatName) has been there\(try others(dialogue))"
                    ))
            return
        }
        switch try dialogue.probe(exchange.name, type: exchange.kind.rawValue) {
        case .different(property: "type", value: let kind):
            findings.append(
                .fails(
                    "emits would not work: \(name) is of type \(kind), and servers of \(formatName) have one of type "
                        + "\(exchange.kind): is wireFormat right?"))
        case .notPermitted:
            findings.append(
                .works(
                    "emits: \(name) takes messages (of which type it is, is shown only to those who may configure it)"))
        case .same, .different:
            findings.append(.works("emits: \(name) takes messages, and is of type \(exchange.kind)"))
        // The exchange has gone in between, or the answer is in unknown words.
        case .absent, .other: findings.append(.works("emits: \(name) takes messages"))
        }
    }

    /// Formats whose servers have been there, if they have an exchange of the usual name.
    private func others(_ dialogue: BrokerDialogue) throws(BrokerError) -> String {
        for format in WireFormats.all where format.name != formatName {
            // Gateways and companions make the one of `cluster`, whatever the servers speak.
            guard let exchange = format.init(DefaultSettings()).exchanges.first?.name,
                exchange != ClusterFormat.defaultExchange
            else { continue }
            if case .granted = try dialogue.lookUp(exchange) {
                return "; but '\(exchange)' is, of \(format.name): is wireFormat right?"
            }
        }
        return ""
    }

    private mutating func checkQuestions(over exchange: String, _ dialogue: BrokerDialogue) throws(BrokerError) {
        let name = "the exchange '\(exchange)'"
        var faults: [String] = []
        switch try dialogue.probe(exchange, type: ServerExchange.Kind.direct.rawValue) {
        case .absent, .same: break
        case .notPermitted: faults.append(lacks("configure", name))
        case .different(let property, let value):
            faults.append(
                "\(name) is there with another property than gateways and servers declare: \(property) is '\(value)'")
        // The answer is in unknown words: perhaps nothing is wrong.
        case .other(let text): findings.append(.note("questions: of \(name) RabbitMQ says: \(text)"))
        }
        if case .refused(let close) = try dialogue.lookUp(exchange), !close.isNotFound {
            faults.append(refusal(close, "write to", name))
        }
        let queues = "queues that RabbitMQ names, 'amq.gen-…'"
        switch try dialogue.declareQueue() {
        case .refused(let close): faults.append(refusal(close, "configure", queues))
        case .granted(.queueDeclared(let queue)):
            if case .refused(let close) = try dialogue.tryToBind(queue, to: exchange) {
                faults.append(
                    close.isOverQueue ? refusal(close, "write to", queues) : refusal(close, "read from", name))
            }
            if case .refused(let close) = try dialogue.consume(queue) {
                faults.append(refusal(close, "read from", queues))
            }
            try checkCallbacks(queue, dialogue)
        case .granted: break
        }
        findings += faults.map { .fails("questions would not work: \($0)") }
        if faults.isEmpty {
            findings.append(.works("questions: \(name) and queues can be configured, written to and read from"))
        }
    }

    /// Acknowledgements from servers without a responder come over the servers' own exchange.
    private mutating func checkCallbacks(_ queue: String, _ dialogue: BrokerDialogue) throws(BrokerError) {
        guard let exchange = wireFormat.asManager?.callbackAddress.exchange,
            case .refused(let close) = try dialogue.tryToBind(queue, to: exchange),
            !close.isOverQueue
        else { return }
        let reason = refusal(close, "read from", "the exchange '\(exchange)'")
        findings.append(.note("acknowledgements of servers without a responder would not arrive: \(reason)"))
    }

    /// The text of a refusal: in our words, if it is about permissions; otherwise in the broker's.
    private mutating func refusal(_ close: ChannelClose, _ action: String, _ object: String) -> String {
        close.isAccessRefused ? lacks(action, object) : "\(object): \(close)"
    }

    private mutating func lacks(_ action: String, _ object: String) -> String {
        cure = permissions.command(for: endpoint)
        let user = endpoint.mechanism == .external ? "the certificate's user" : "the user '\(endpoint.user)'"
        return "\(user) may not \(action) \(object)"
    }
}

extension BrokerEndpoint {
    /// The user that we have logged in as.
    fileprivate var caller: String {
        mechanism == .external ? "as the user of the client certificate" : "as '\(user)'"
    }
}
