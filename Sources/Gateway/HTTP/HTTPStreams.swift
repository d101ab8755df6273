internal import CMicrohttpd
internal import EventLoop
internal import Routes

/// A ``BodyStream`` on its connection. libmicrohttpd asks for its pieces; while there are none the connection is
/// suspended, for it would ask again and again.
final class OpenStream {
    /// Both outlive libmicrohttpd's questions.
    fileprivate unowned let requests: HTTPRequests
    fileprivate unowned let connection: HTTPConnection
    /// `nil`: nobody wants more than the head.
    fileprivate let body: (any BodyStream)?

    /// The size of a piece at most, where libmicrohttpd does not take one of its own.
    private static let pieceBytes = 4_096
    /// `MHD_CONTENT_READER_END_OF_STREAM` and `…_END_WITH_ERROR`, whose casts Swift does not see through.
    fileprivate static let (end, failure) = (-1, -2)

    init(_ requests: HTTPRequests, _ connection: HTTPConnection, _ body: (any BodyStream)?) {
        self.requests = requests
        self.connection = connection
        self.body = body
    }

    /// libmicrohttpd's answer, of a length that nobody knows.
    func response() -> OpaquePointer? {
        // Released when libmicrohttpd frees the answer, and only there.
        let context = Unmanaged.passRetained(self)
        let response = MHD_create_response_from_callback(
            .max, Self.pieceBytes, { streamCallback($0, $1, $2, $3) }, context.toOpaque(),
            { context in if let context { Unmanaged<OpenStream>.fromOpaque(context).release() } })
        guard let response else {
            context.release()
            return nil
        }
        if body == nil { gateway_mhd_avoid_chunks(response) }
        return response
    }
}

private func streamCallback(
    _ context: UnsafeMutableRawPointer?, _ position: UInt64, _ buffer: UnsafeMutablePointer<CChar>?, _ most: Int
) -> Int {
    guard let context else { return OpenStream.failure }
    return Unmanaged<OpenStream>.fromOpaque(context)._withUnsafeGuaranteedRef { stream in
        stream.requests.read(stream, into: UnsafeMutableRawBufferPointer(start: buffer, count: most))
    }
}

extension HTTPRequests {
    /// Gives the head of an answer to libmicrohttpd, whose body is a stream.
    func send(_ response: Response, _ body: any BodyStream, _ connection: HTTPConnection, isLast: Bool) -> MHD_Result {
        guard let request = connection.served?.request else { return .NO }
        guard request.head.method != .head else {
            return response.queue(OpenStream(self, connection, nil), on: connection.handle, isLast: isLast)
        }
        connection.served?.exchange.streams()
        streams.insert(connection.descriptor)
        let (loop, descriptor) = (loop, connection.descriptor)
        body.begin(
            wake: {
                loop.execute {
                    guard let connection = self.connections.all[descriptor] else { return }
                    // The descriptor may be another connection's by now, or this one at another request.
                    if connection.served?.request === request { self.look(at: connection, now: .now()) }
                }
            }, now: turn)
        if areStreamsEnding { body.end(.stopping) }
        return response.queue(OpenStream(self, connection, body), on: connection.handle, isLast: isLast)
    }

    /// libmicrohttpd has sent what it had.
    fileprivate func read(_ stream: OpenStream, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let connection = stream.connection
        guard let body = stream.body else { return OpenStream.end }
        guard connection.cut == nil, connection.served != nil else { return OpenStream.failure }
        switch body.next(into: buffer, now: turn) {
        case .bytes(let count):
            schedule.moved()
            connection.times.answered(now: turn)
            connection.served?.streamedBytes += count
            return count
        case .nothing:
            schedule.rests()
            connection.times.rests()
            connection.served?.exchange.rests()
            MHD_suspend_connection(connection.handle)
            return 0
        case .end:
            schedule.moved()
            return OpenStream.end
        }
    }

    /// Looks for streams that have something to send, or whose callers have lost their rights. Called twice a second.
    func lookAtStreams(now: MonotonicTime) {
        loop.assertCurrent()
        for descriptor in streams {
            guard let connection = connections.all[descriptor], let request = connection.served?.request else {
                continue
            }
            if connection.served?.streamRefused == nil, !router.stillAdmits(request) {
                request.stream?.end(.notAdmitted)
                connection.served?.streamRefused = now
            }
            if let refused = connection.served?.streamRefused, now - refused >= Self.lastReading {
                connection.end(.late)
                wake(connection)
                schedule.demand()
            } else {
                look(at: connection, now: now)
            }
        }
    }

    /// The time in which a client has to read what is left of a stream that it may not read any more.
    private static let lastReading: Duration = .seconds(5)

    /// Ends all streams, those that are still to come included: the gateway ends.
    func endStreams(now: MonotonicTime) {
        loop.assertCurrent()
        areStreamsEnding = true
        for descriptor in streams {
            guard let connection = connections.all[descriptor] else { continue }
            connection.served?.request.stream?.end(.stopping)
            look(at: connection, now: now)
        }
    }

    private func look(at connection: HTTPConnection, now: MonotonicTime) {
        if connection.served?.exchange.isResting == true, connection.served?.request.stream?.isReady(now: now) == true {
            wake(connection)
        }
    }

    /// Has libmicrohttpd go on with a stream that rests; with any other it does by itself.
    func wake(_ connection: HTTPConnection) {
        guard connection.served?.exchange.wakes() == true else { return }
        schedule.wakesResting()
        connection.times.answered(now: turn)
        MHD_resume_connection(connection.handle)
    }

    /// Has libmicrohttpd go on with all streams that rest: it cannot stop before.
    func wakeStreams() {
        for descriptor in streams { connections.all[descriptor].map(wake) }
    }

    /// A request is over; if its answer was a stream, that is, too.
    func streamEnded(_ served: inout ServedRequest, _ connection: HTTPConnection) {
        guard let body = served.request.stream else { return }
        streams.remove(connection.descriptor)
        body.over()
        served.streamEnds(load)
        served.request.noteStreamed(bytes: served.streamedBytes)
    }
}
