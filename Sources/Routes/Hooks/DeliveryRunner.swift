internal import AMQPBridge
internal import JSON

/// Emits a delivery, once.
struct DeliveryRunner: Sendable {
    let emitter: any EmitService
    let deliveries: DeliveryStore

    /// - Parameters:
    ///   - key: `nil`: every delivery is new.
    ///   - wait: how long the broker has to confirm.
    /// - Throws: what is wrong with it before it is emitted. It fails also when the outcome is unknown: its sender tries again, since that
    ///   is no success, and finds its id forgotten.
    func run(
        _ emit: Emit, of request: Request, _ key: DeliveryKey?, confirmedWithin wait: Duration
    ) throws(Problem) -> Route.Progress {
        guard let key else { return publish(emit, request, nil, wait) }
        switch deliveries.begin(key, now: .now()) {
        case .delivered: return .answered(.duplicate(request))
        case .inFlight: throw .deliveryInFlight
        case .first(let reservation): return publish(emit, request, reservation, wait)
        }
    }

    private func publish(
        _ emit: Emit, _ request: Request, _ reservation: DeliveryStore.Reservation?, _ wait: Duration
    ) -> Route.Progress {
        // All that the answer needs of the emit, whose arguments are a part of the body.
        let remark = EmitRemark(emit)
        guard emitter.asksServers(before: emit) else {
            emitter.emit(emit, confirmedWithin: wait) { result in
                request.answer(answer(to: request, result, remark, reservation))
            }
            return .waitsForBroker
        }
        return .needsTask { () async throws(Problem) in
            let result: Result<Receipt, EmitError>
            do throws(EmitError) {
                result = .success(try await emitter.emit(emit, confirmedWithin: wait))
            } catch {
                result = .failure(error)
            }
            return try answer(to: request, result, remark, reservation).get()
        }
    }

    /// Answers with the outcome of a delivery, once it is known.
    private func answer(
        to request: Request, _ result: Result<Receipt, EmitError>, _ remark: EmitRemark,
        _ reservation: DeliveryStore.Reservation?
    ) -> Result<Response, Problem> {
        let receipt = try? result.get()
        if let reservation { deliveries.finish(reservation, isDelivered: receipt != nil, now: .now()) }
        var remark = remark
        remark.receipt = receipt
        request.note(receipt == nil ? .emit(remark) : .delivery(.emitted(remark)))
        return result.map { .emitted($0, .broker) }.mapError { Problem($0) }
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
