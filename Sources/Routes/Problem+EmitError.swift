package import AMQPBridge

extension Problem {
    /// The problem that an emit's caller learns of its failure: the one place where the bridge's errors become HTTP.
    package init(_ error: EmitError) {
        switch error {
        case .invalid(let faults):
            self.init(.invalidRequest, at: faults.map(Place.init))
        case .notExpressible(let fault): self.init(.notExpressible, at: [Place(fault)])
        case .notPublished(let error): self.init(error)
        case .notAsked(let error): self.init(error)
        case .exceptionsUnknown: self.init(.incomplete, error.sentence)
        }
    }

    /// The problem that the caller of a question learns of its failure.
    init(_ error: ClusterError) {
        let code: Code =
            switch error {
            case .noServers: .noServers
            case .turnedOff: .turnedOff
            case .brokerUnavailable, .brokerSilent: .brokerUnavailable
            case .brokerBlocked: .brokerBlocked
            case .brokerRefused: .brokerRefused
            case .brokerNack: .brokerNack
            case .overloaded: .overloaded
            case .notSupported: .notSupported
            case .tooLarge: .payloadTooLarge
            case .unknown, .unconfirmed: .confirmTimeout
            // Its connection is gone, or the process is about to be.
            case .abandoned: .shuttingDown
            }
        self.init(code, error.description)
    }

    /// Its own sentence, which says nothing of the broker's user; the log has the broker's words, too.
    private init(_ error: PublishError) {
        let code: Code =
            switch error {
            case .brokerUnavailable, .brokerSilent: .brokerUnavailable
            case .brokerBlocked: .brokerBlocked
            case .brokerRefused: .brokerRefused
            case .brokerNack: .brokerNack
            case .overloaded: .overloaded
            case .tooLarge, .messageTooLarge: .payloadTooLarge
            case .unknown: .confirmTimeout
            }
        let hint = code == .brokerRefused ? "; the gateway's log says why" : ""
        self.init(code, error.sentence + hint)
    }
}

extension Problem.Place {
    init(_ fault: CommandFault) {
        let index = fault.field.index.map { "/\($0)" } ?? ""
        self.init("/\(fault.field.name)\(index)", fault.detail)
    }
}
