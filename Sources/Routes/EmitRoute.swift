internal import AMQPBridge
internal import JSON

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

    static func dryRun(_ run: DryRun) -> Response {
        var response = json { json in
            json.append(json: "{\"status\":\"dryRun\"")
            json.append(run)
            json.append(json: "}")
        }
        response.isWithoutEffect = true
        return response
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
    /// Appends the members of a dry run behind another one.
    ///
    /// - Parameter most: of the routing keys.
    mutating func append(_ run: DryRun, most: Int = .max) {
        append(json: ",\"exchange\":")
        append(jsonString: run.exchange)
        append(json: run.exists ? ",\"exists\":true" : ",\"exists\":false")
        append(json: ",\"routingKeys\":")
        append(jsonStrings: run.routingKeys.prefix(most))
        append(json: ",\"recipients\":")
        append(numberOrNull: run.recipients)
        append(json: ",\"servers\":")
        if let servers = run.servers { append(tally: servers) } else { append(json: "null") }
    }

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
