package import AMQPBridge
package import JSON

/// The members that every answer to an emit has: single emits, deliveries, CloudEvents, items of batches and the command line alike.
extension JSONObjectWriter {
    /// Writes `id`, `status`, `routed` and, behind `false`, `reason`.
    ///
    /// - Parameter status: `nil` leaves it out.
    package mutating func receipt(_ receipt: Receipt, status: StaticString?) {
        member("id", receipt.identifier)
        if let status { member("status", plain: status) }
        member("routed", receipt.routed)
        member("reason", ifPresent: receipt.reason?.rawValue)
    }

    /// Writes a receipt, and what the clients have answered.
    mutating func receipt(_ receipt: AcknowledgedReceipt) {
        self.receipt(Receipt(receipt), status: "confirmed")
        member("recipients", receipt.recipients)
        object("acks") { acks in
            acks.member("expected", receipt.recipients)
            acks.member("received", receipt.responses.count)
            acks.member("complete", receipt.isComplete)
            acks.member("responses", receipt.responses)
        }
        member("servers", receipt.servers)
    }

    /// Writes what a dry run has found.
    ///
    /// - Parameter most: of the routing keys.
    mutating func dryRun(_ run: DryRun, most: Int = .max) {
        member("exchange", run.exchange)
        member("exists", run.exists)
        list("routingKeys") { for key in run.routingKeys.prefix(most) { $0.element(key) } }
        member("recipients", run.recipients)
        member("servers", run.servers)
    }
}

extension Response {
    static func emitted(_ receipt: Receipt, _ confirmation: Confirmation) -> Response {
        switch confirmation {
        case .broker: .json { $0.receipt(receipt, status: "confirmed") }
        case .none: .json(202) { $0.receipt(receipt, status: "accepted") }
        }
    }

    static func dryRun(_ run: DryRun) -> Response {
        var response = json {
            $0.member("status", plain: "dryRun")
            $0.dryRun(run)
        }
        response.isWithoutEffect = true
        return response
    }

    static func acknowledged(_ receipt: AcknowledgedReceipt) -> Response {
        .json { $0.receipt(receipt) }
    }
}
