internal import AMQPBridge
internal import JSON

/// Emits a delivery, once.
struct DeliveryRunner: Sendable {
    let emitter: any EmitService
    let deliveries: DeliveryStore

    /// - Parameters:
    ///   - key: `nil`: every delivery is new.
    ///   - wait: how long the broker has to confirm.
    /// - Throws: also when the outcome is unknown. Its sender tries again, since that is no success, and finds its id
    ///   forgotten.
    func run(
        _ emit: Emit, of request: Request, _ key: DeliveryKey?, confirmedWithin wait: Duration
    ) async throws(Problem) -> Response {
        guard let key else { return try await publish(emit, request, wait) }
        switch deliveries.begin(key, now: .now()) {
        case .delivered: return .duplicate(request)
        case .inFlight: throw .deliveryInFlight
        case .first(let reservation):
            var isDelivered = false
            defer { deliveries.finish(reservation, isDelivered: isDelivered, now: .now()) }
            let response = try await publish(emit, request, wait)
            isDelivered = true
            return response
        }
    }

    private func publish(_ emit: Emit, _ request: Request, _ wait: Duration) async throws(Problem) -> Response {
        do throws(EmitError) {
            let receipt = try await emitter.emit(emit, confirmedWithin: wait)
            request.note(.delivery(.emitted(EmitRemark(emit, receipt))))
            return .emitted(receipt, .broker)
        } catch {
            request.note(.emit(EmitRemark(emit)))
            throw Problem(error)
        }
    }
}

extension Problem {
    static let deliveryInFlight = Problem(.deliveryInFlight, "the same delivery is being published; come again")
}

extension Response {
    fileprivate static func duplicate(_ request: Request) -> Response {
        request.note(.delivery(.duplicate))
        return publishedNothing("duplicate")
    }

    /// To a delivery that does not meet the condition.
    static func ignored(_ request: Request, _ condition: UnmetCondition) -> Response {
        request.note(.delivery(.ignored(condition)))
        return publishedNothing("ignored")
    }

    private static func publishedNothing(_ status: StaticString) -> Response {
        json { $0.member("status", plain: status) }
    }
}
