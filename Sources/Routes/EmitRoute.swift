internal import AMQPBridge

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
        // What these need while they wait would make every emit's task larger.
        if decoded.isDryRun { return try await dryRun(decoded, of: request) }
        if let acknowledgement = decoded.acknowledgement {
            return try await acknowledged(decoded.emit, acknowledgement, of: request)
        }
        do throws(EmitError) {
            let receipt = try await emitter.emit(decoded.emit, confirmation: decoded.confirmation)
            request.note(.emit(EmitRemark(decoded.emit, receipt)))
            return .emitted(receipt, decoded.confirmation)
        } catch {
            request.note(.emit(EmitRemark(decoded.emit)))
            throw Problem(error)
        }
    }

    @inline(never)
    private func acknowledged(
        _ emit: Emit, _ acknowledgement: AcknowledgementRequest, of request: Request
    ) async throws(Problem) -> Response {
        do throws(EmitError) {
            let receipt = try await emitter.emit(
                emit, acknowledged: acknowledgement.mode, timeout: acknowledgement.timeout ?? timeout)
            request.note(.emit(EmitRemark(emit, Receipt(receipt))))
            return .acknowledged(receipt)
        } catch {
            request.note(.emit(EmitRemark(emit)))
            throw Problem(error)
        }
    }

    @inline(never)
    private func dryRun(_ decoded: EmitDecoder.Decoded, of request: Request) async throws(Problem) -> Response {
        let order = DryRunRequest(
            decoded.emit, decoded.acknowledgement == nil ? .alone : .acknowledged,
            countsRecipients: request.caller.mayCount(decoded.emit))
        request.note(.dryRun(EmitRemark(decoded.emit)))
        let results = await emitter.dryRun([order], timeout: timeout)
        do throws(EmitError) {
            return .dryRun(try results[0].get())
        } catch {
            throw Problem(error)
        }
    }
}

extension Caller {
    /// Whether it may know how many sockets an emit selects that it may send.
    func mayCount(_ emit: Emit) -> Bool {
        // Rooms and exceptions are among its rooms already; a socket's id may be beyond them.
        scopes.contains(.readRooms) && emit.exceptSockets.allSatisfy(reach.rooms.matches)
    }
}
