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
    func run(_ emit: Emit, _ key: DeliveryKey?, confirmedWithin wait: Duration) async throws(Problem) -> Response {
        guard let key else { return .emitted(try await publish(emit, wait), .broker) }
        switch deliveries.begin(key, now: .now()) {
        case .delivered: return .delivery("duplicate")
        case .inFlight: throw .deliveryInFlight
        case .first(let reservation):
            var isDelivered = false
            defer { deliveries.finish(reservation, isDelivered: isDelivered, now: .now()) }
            let receipt = try await publish(emit, wait)
            isDelivered = true
            return .emitted(receipt, .broker)
        }
    }

    private func publish(_ emit: Emit, _ wait: Duration) async throws(Problem) -> Receipt {
        do throws(EmitError) {
            return try await emitter.emit(emit, confirmedWithin: wait)
        } catch {
            throw Problem(error)
        }
    }
}

extension Problem {
    static let deliveryInFlight = Problem(.deliveryInFlight, "the same delivery is being published; come again")
}

extension Response {
    /// What became of a delivery that published nothing.
    static func delivery(_ status: StaticString) -> Response {
        .json { json in
            json.append(json: "{\"status\":\"")
            json.append(json: status)
            json.append(json: "\"}")
        }
    }
}
