package import AMQPBridge
internal import JSON

/// `POST /v1/emit`: one event to everyone, rooms or sockets, minus others.
struct EmitRoute: Sendable {
    let emitter: any EmitService
    /// How long clients have to acknowledge, unless the request says so.
    let timeout: Duration
    /// Of the emits that came before.
    let outlines: KnownOutlines

    @Sendable func post(_ request: Request) throws(Problem) -> Route.Progress {
        var wanted = EmitDecoder.Wanted()
        let emit = try EmitDecoder.decode(request.body, trace: request.head.trace, known: outlines, &wanted)
        request.notes?.note(emit)
        try request.caller.check(emit)
        let needsTask = wanted.isDryRun || wanted.acknowledgement != nil || emitter.asksServers(before: emit)
        guard !needsTask else { return task(emit, wanted, of: request) }
        request.note(.emit(EmitRemark(emit)))
        emitter.emit(emit, confirmation: wanted.confirmation, for: request)
        return .waitsForBroker
    }

    /// Apart from the usual way, on which the emit is handed on without a copy for this.
    private func task(_ emit: Emit, _ wanted: EmitDecoder.Wanted, of request: Request) -> Route.Progress {
        .needsTask { () async throws(Problem) in try await ask(emit, wanted, of: request) }
    }

    /// The questions to servers that an emit needs, before or after.
    private func ask(
        _ emit: Emit, _ wanted: EmitDecoder.Wanted, of request: Request
    ) async throws(Problem) -> Response {
        if wanted.isDryRun { return try await dryRun(emit, isAcknowledged: wanted.acknowledgement != nil, of: request) }
        request.note(.emit(EmitRemark(emit)))
        do throws(EmitError) {
            guard let acknowledgement = wanted.acknowledgement else {
                let receipt = try await emitter.emit(emit, confirmation: wanted.confirmation)
                request.note(receipt)
                return .emitted(receipt, wanted.confirmation)
            }
            let receipt = try await emitter.emit(
                emit, acknowledged: acknowledgement.mode, timeout: acknowledgement.timeout ?? timeout)
            request.note(Receipt(receipt))
            return .acknowledged(receipt)
        } catch {
            throw Problem(error)
        }
    }

    private func dryRun(
        _ emit: Emit, isAcknowledged: Bool, of request: Request
    ) async throws(Problem) -> Response {
        let order = DryRunRequest(
            emit, isAcknowledged ? .acknowledged : .alone, countsRecipients: request.caller.mayCount(emit))
        request.note(.dryRun(EmitRemark(emit)))
        let results = await emitter.dryRun([order], timeout: timeout)
        do throws(EmitError) {
            return .dryRun(try results[0].get())
        } catch {
            throw Problem(error)
        }
    }
}

extension Request: EmitReceiver {
    /// The outcome of its emit is known.
    package func receive(_ result: Result<Receipt, EmitError>, confirmedBy confirmation: Confirmation) {
        switch result {
        case .success(let receipt):
            note(receipt)
            answer(.success(.emitted(receipt, confirmation)))
        case .failure(let error): answer(.failure(Problem(error)))
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
