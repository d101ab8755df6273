internal import AMQPBridge
internal import JSON

/// `POST /v1/emit`: one event to everyone, rooms or sockets, minus others.
struct EmitRoute: Sendable {
    let emitter: any EmitService

    @Sendable func post(_ request: Request) async throws(Problem) -> Response {
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
            json.append(routed: receipt.routed)
            json.append(json: "}")
        }
    }
}

extension [UInt8] {
    /// Appends the member `routed` behind another one.
    mutating func append(routed: Bool?) {
        switch routed {
        case true?: append(json: ",\"routed\":true")
        case false?: append(json: ",\"routed\":false")
        case nil: append(json: ",\"routed\":null")
        }
    }
}
