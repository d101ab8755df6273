internal import AMQPBridge

/// `POST /v1/emit`: one event to everyone, rooms or sockets, minus others.
struct EmitRoute: Sendable {
    let emitter: any EmitService
    /// How long clients have to acknowledge, unless the request says so.
    let timeout: Duration

    @Sendable func post(_ request: Request) throws(Problem) -> Route.Progress {
        var decoded = try EmitDecoder.decode(request.body)
        try request.caller.check { $0.places(beyond: decoded.emit) }
        if let trace = request.head.trace { decoded.emit.trace = trace }
        let needsTask = decoded.isDryRun || decoded.acknowledgement != nil || emitter.asksServers(before: decoded.emit)
        guard !needsTask else {
            return .needsTask { [decoded] () async throws(Problem) in try await ask(decoded, of: request) }
        }
        let confirmation = decoded.confirmation
        request.note(.emit(EmitRemark(decoded.emit)))
        emitter.emit(decoded.emit, confirmation: confirmation) { request.answerEmit($0, confirmation) }
        return .waitsForBroker
    }

    /// What others have to be asked for, before or after.
    private func ask(_ decoded: EmitDecoder.Decoded, of request: Request) async throws(Problem) -> Response {
        if decoded.isDryRun { return try await dryRun(decoded, of: request) }
        request.note(.emit(EmitRemark(decoded.emit)))
        do throws(EmitError) {
            guard let acknowledgement = decoded.acknowledgement else {
                let receipt = try await emitter.emit(decoded.emit, confirmation: decoded.confirmation)
                request.note(receipt)
                return .emitted(receipt, decoded.confirmation)
            }
            let receipt = try await emitter.emit(
                decoded.emit, acknowledged: acknowledgement.mode, timeout: acknowledgement.timeout ?? timeout)
            request.note(Receipt(receipt))
            return .acknowledged(receipt)
        } catch {
            throw Problem(error)
        }
    }

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

extension Request {
    /// The outcome of its emit is known.
    fileprivate func answerEmit(_ result: Result<Receipt, EmitError>, _ confirmation: Confirmation) {
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
