internal import AMQPBridge
internal import JSON

/// `POST /v1/emit`: one event to everyone, rooms or sockets, minus others.
struct EmitRoute: Sendable {
    let emitter: any EmitService
    /// How long clients have to acknowledge, unless the request says so.
    let timeout: Duration

    @Sendable func post(_ request: Request) async throws(Problem) -> Response {
        var decoded = try EmitDecoder.decode(request.body)
        let emit = decoded.emit
        try request.caller.check { $0.places(beyond: emit) }
        if let trace = request.head.trace { decoded.emit.trace = trace }
        do throws(EmitError) {
            guard let acknowledgement = decoded.acknowledgement else {
                let receipt = try await emitter.emit(decoded.emit, confirmation: decoded.confirmation)
                request.note(.emit(EmitRemark(decoded.emit, receipt)))
                return .emitted(receipt, decoded.confirmation)
            }
            let receipt = try await emitter.emit(
                decoded.emit, acknowledged: acknowledgement.mode, timeout: acknowledgement.timeout ?? timeout)
            request.note(.emit(EmitRemark(decoded.emit, Receipt(receipt))))
            return .acknowledged(receipt)
        } catch {
            request.note(.emit(EmitRemark(decoded.emit)))
            throw Problem(error)
        }
    }
}

extension Response {
    static func emitted(_ receipt: Receipt, _ confirmation: Confirmation) -> Response {
        .json(confirmation == .broker ? 200 : 202) { json in
            json.append(json: "{\"id\":\"")
            json.append(contentsOf: receipt.id.utf8)
            json.append(json: confirmation == .broker ? "\",\"status\":\"confirmed\"" : "\",\"status\":\"accepted\"")
            json.append(routed: receipt.routed, receipt.reason)
            json.append(json: "}")
        }
    }

    static func acknowledged(_ receipt: AcknowledgedReceipt) -> Response {
        .json { json in
            json.append(json: "{\"id\":\"")
            json.append(contentsOf: receipt.id.utf8)
            json.append(json: "\",\"status\":\"confirmed\"")
            json.append(routed: receipt.routed, receipt.reason)
            json.append(json: ",\"recipients\":")
            json.append(numberOrNull: receipt.recipients)
            json.append(json: ",\"acks\":{\"expected\":")
            json.append(numberOrNull: receipt.recipients)
            json.append(json: ",\"received\":")
            json.append(number: receipt.responses.count)
            json.append(json: ",\"complete\":")
            switch receipt.isComplete {
            case true?: json.append(json: "true")
            case false?: json.append(json: "false")
            case nil: json.append(json: "null")
            }
            json.append(json: ",\"responses\":")
            json.append(list: receipt.responses) { $0.append(json: $1) }
            json.append(json: "},\"servers\":")
            if let servers = receipt.servers { json.append(tally: servers) } else { json.append(json: "null") }
            json.append(json: "}")
        }
    }
}

extension [UInt8] {
    /// Appends the member `routed` behind another one, and `reason` behind `false`.
    mutating func append(routed: Bool?, _ reason: UnroutedReason?) {
        switch routed {
        case true?: append(json: ",\"routed\":true")
        case false?: append(json: ",\"routed\":false")
        case nil: append(json: ",\"routed\":null")
        }
        guard let reason else { return }
        append(json: ",\"reason\":")
        append(jsonString: reason.rawValue)
    }
}
