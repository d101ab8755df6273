internal import EventLoop

/// Emits that are only checked.
extension LoopEmitter {
    package func dryRun(_ requests: [DryRunRequest], timeout: Duration) async -> [Result<DryRun, EmitError>] {
        let deadline = MonotonicTime.now() + timeout
        var exchanges: [String: Result<Bool, PublishError>] = [:]
        var results: [Result<DryRun, EmitError>] = []
        results.reserveCapacity(requests.count)
        for (index, request) in requests.enumerated() {
            if index % Self.emitsPerTurn == Self.emitsPerTurn - 1 { await pause() }
            do throws(EmitError) {
                results.append(.success(try await dryRun(request, by: deadline, &exchanges)))
            } catch {
                results.append(.failure(error))
            }
        }
        return results
    }

    /// - Parameter exchanges: the look-ups that are done already: one that fails costs the broker a channel.
    private func dryRun(
        _ request: DryRunRequest, by deadline: MonotonicTime, _ exchanges: inout [String: Result<Bool, PublishError>]
    ) async throws(EmitError) -> DryRun {
        let emit = request.emit
        try check(emit)
        let publications: [Publication]
        switch request.way {
        case .alone:
            publications = Array(try encoded(try await resolvingExceptions(of: emit, by: deadline)))
        case .acknowledged: publications = [try await question(emit, by: deadline)]
        case .inBatch: publications = Array(try encoded(emit))
        }
        if let fault = link.fault(of: publications) { throw .notPublished(fault) }
        let exchange = publications[0].exchange
        let found: Result<Bool, PublishError>
        if let known = exchanges[exchange] {
            found = known
        } else {
            // Each that is not there takes a tenth of a second, and the caller waits for all.
            guard .now() < deadline else { throw .notPublished(.overloaded) }
            found = await lookUp(exchange)
        }
        exchanges[exchange] = found
        let exists: Bool
        do throws(PublishError) { exists = try found.get() } catch { throw .notPublished(error) }
        // A message to an exchange that is not there reaches no socket, whichever servers have some.
        let counted =
            if !exists { (recipients: Optional(0), servers: ServerTally?.none) } else if request.countsRecipients {
                await count(emit, by: deadline)
            } else { (recipients: Int?.none, servers: ServerTally?.none) }
        return DryRun(
            exchange: exchange, exists: exists,
            routingKeys: publications.flatMap { [$0.routingKey] + $0.carbonCopies },
            recipients: counted.recipients, servers: counted.servers)
    }

    /// Whether the exchange exists.
    private func lookUp(_ exchange: String) async -> Result<Bool, PublishError> {
        do throws(PublishError) {
            switch try await link.lookUp(exchange) {
            case .usable: return .success(true)
            case .absent: return .success(false)
            case .refused(let reason): return .failure(.brokerRefused(exchange: exchange, reason: reason))
            }
        } catch {
            return .failure(error)
        }
    }

    /// The number of sockets that an emit selects, as far as their servers tell; without servers: none could be asked.
    private func count(
        _ emit: Emit, by deadline: MonotonicTime
    ) async -> (recipients: Int?, servers: ServerTally?) {
        let left = deadline - .now()
        guard let cluster, left > .zero else { return (nil, nil) }
        let selection = SocketSelection(
            namespace: emit.namespace, rooms: emit.rooms,
            except: emit.except + emit.exceptSockets.map { .name($0) })
        guard let answer = try? await cluster.ask(CountSelected(selection), timeout: left) else { return (nil, nil) }
        // Where no server has the namespace, there may be some that say nothing of themselves.
        let isKnown = answer.servers.isComplete && answer.servers.responded > 0
        return (isKnown ? answer.value : nil, answer.servers)
    }
}
