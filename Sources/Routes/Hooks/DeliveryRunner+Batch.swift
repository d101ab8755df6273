internal import AMQPBridge
internal import JSON

/// Many deliveries with one answer.
extension DeliveryRunner {
    enum Item {
        case emit(Emit, DeliveryKey)
        case ignored
    }

    private struct Reserved {
        let index: Int
        let emit: Emit
        let reservation: DeliveryStore.Reservation
    }

    /// Publishes all that is new, and waits for all of it.
    ///
    /// - Throws: when anything was not confirmed. What was, is remembered: when all of it comes again, only the rest is
    ///   published.
    func run(_ items: [Item]) async throws(Problem) -> Response {
        var statuses = [StaticString](repeating: "ignored", count: items.count)
        let reserved = try reserve(items, &statuses)
        let results = await emitter.emit(batch: reserved.map(\.emit))
        var receipts: [Int: Receipt] = [:]
        var failures: [Problem] = []
        for (entry, result) in zip(reserved, results) {
            switch result {
            case .success(let receipt): receipts[entry.index] = receipt
            case .failure(let error): failures.append(Problem(error, at: entry.index))
            }
            deliveries.finish(entry.reservation, isDelivered: receipts[entry.index] != nil, now: .now())
        }
        // One that may pass later outweighs one that never will: the sender is to try again.
        if var problem = failures.first(where: { $0.code.status >= 500 }) ?? failures.first {
            problem.detail = "\(failures.count) of \(items.count) events: \(problem.detail)"
            throw problem
        }
        return Self.answer(statuses, receipts)
    }

    /// - Throws: when one is in flight elsewhere. Nothing is reserved then.
    private func reserve(_ items: [Item], _ statuses: inout [StaticString]) throws(Problem) -> [Reserved] {
        var reserved: [Reserved] = []
        var own = Set<DeliveryKey>()
        for (index, item) in items.enumerated() {
            guard case .emit(let emit, let key) = item else { continue }
            // Twice in one batch.
            guard !own.contains(key) else {
                statuses[index] = "duplicate"
                continue
            }
            switch deliveries.begin(key, now: .now()) {
            case .delivered: statuses[index] = "duplicate"
            case .inFlight:
                for entry in reserved { deliveries.finish(entry.reservation, isDelivered: false, now: .now()) }
                throw .deliveryInFlight
            case .first(let reservation):
                own.insert(key)
                reserved.append(Reserved(index: index, emit: emit, reservation: reservation))
            }
        }
        return reserved
    }

    private static func answer(_ statuses: [StaticString], _ receipts: [Int: Receipt]) -> Response {
        .json { json in
            json.append(json: "{\"results\":[")
            for (index, status) in statuses.enumerated() {
                json.append(json: index > 0 ? ",{" : "{")
                if let receipt = receipts[index] {
                    json.append(json: "\"id\":\"")
                    json.append(contentsOf: receipt.id.utf8)
                    json.append(json: "\",\"status\":\"confirmed\"")
                    json.append(routed: receipt.routed)
                } else {
                    json.append(json: "\"status\":\"")
                    json.append(json: status)
                    json.append(json: "\"")
                }
                json.append(json: "}")
            }
            json.append(json: "]}")
        }
    }
}

extension Problem {
    /// - Parameter index: which of many it is about.
    fileprivate init(_ error: EmitError, at index: Int) {
        self.init(error)
        places = places.map { Place("/\(index)\($0.pointer)", $0.detail) }
    }
}
