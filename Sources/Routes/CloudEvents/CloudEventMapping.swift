/// The emit that a CloudEvent becomes. Its templates see it as in the JSON format: `{/type}`, `{/subject}`, `{/data/order/id}`.
package struct CloudEventMapping: Sendable {
    let mapping: EmitMapping
    let confirmWait: Duration
    let handshake: Handshake
    /// Counts what becomes of them.
    package var counters = DeliveryCounters()

    /// - Parameters:
    ///   - mapping: `nil`: the event is named `{/type}`, its room `{/subject}`, and its argument is the whole CloudEvent.
    ///   - confirmWait: how long RabbitMQ has to confirm a single event; at most ``Hook/longestConfirmWait``.
    ///   - allowedOrigins: who is granted what it asks for with the handshake: host names, or `*`.
    ///   - allowedRate: what it is promised, in a minute.
    package init(
        mapping: EmitMapping? = nil, confirmWait: Duration = Hook.usualConfirmWait, allowedOrigins: [String] = [],
        allowedRate: Int? = nil
    ) throws(HookConfigurationError) {
        try Hook.check(confirmWait)
        if let mapping {
            self.mapping = mapping
        } else {
            self.mapping = try EmitMapping(event: "{/type}", rooms: ["{/subject}"])
        }
        self.confirmWait = confirmWait
        handshake = try Handshake(origins: allowedOrigins, rate: allowedRate)
    }

    /// The mapping where none is configured.
    package static let standard: CloudEventMapping = {
        do throws(HookConfigurationError) {
            return try CloudEventMapping()
        } catch {
            preconditionFailure("\(error)")
        }
    }()
}
