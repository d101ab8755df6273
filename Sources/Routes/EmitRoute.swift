internal import AMQPBridge
internal import JSON

/// `POST /v1/emit`: one event to everyone, rooms or sockets, minus others.
struct EmitRoute: Sendable {
    let emitter: any EmitService

    @Sendable func post(_ request: Request) async throws(Problem) -> Response {
        guard request.head.fields[.idempotencyKey] == nil else {
            throw Problem(.notImplemented, "Idempotency-Key is not supported yet, and was not ignored")
        }
        let (emit, confirmation) = try EmitDecoder.decode(request.body)
        let receipt: Receipt
        do throws(EmitError) {
            receipt = try await emitter.emit(emit, confirmation: confirmation)
        } catch {
            throw Problem(error)
        }
        return .json(confirmation == .broker ? 200 : 202) { json in
            json.append(json: "{\"id\":\"")
            json.append(contentsOf: receipt.id.utf8)
            json.append(json: confirmation == .broker ? "\",\"status\":\"confirmed\"" : "\",\"status\":\"accepted\"")
            switch receipt.routed {
            case true?: json.append(json: ",\"routed\":true}")
            case false?: json.append(json: ",\"routed\":false}")
            case nil: json.append(json: ",\"routed\":null}")
            }
        }
    }
}
