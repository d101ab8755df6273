internal import AMQPBridge
internal import EventLoop
internal import Hashing
internal import Synchronization

/// The caller's name of a request, with which it can be sent again.
struct IdempotencyKey: Hashable, Sendable {
    let caller: String
    let name: String

    /// - Parameter name: 1 to 255 printable ASCII characters.
    init(_ name: String, caller: String) throws(Problem) {
        guard (1...255).contains(name.utf8.count), name.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw Problem(.invalidRequest, "an Idempotency-Key has 1 to 255 printable ASCII characters")
        }
        self.name = name
        self.caller = caller
    }
}

/// The parts that make a request the same as another: path, media type and body, and what its caller may do. (A key that has been
/// given less since must not get the answer that it got before.)
struct RequestFingerprint: Equatable, Sendable {
    private let digest: [UInt8]
    /// How much of the store the request's answer will about take.
    let size: Int

    init(_ request: Request) {
        var hash = SHA256()
        hash.update(Array("\(request.head.path) \(request.mediaType?.rawValue ?? "")\n".utf8))
        hash.update(request.caller.rights)
        hash.update(request.body)
        digest = hash.finish()
        size = request.body.count
    }
}

/// The answers to requests with an `Idempotency-Key`, for those that come again: one for the whole process.
///
/// Bounded in bytes. Nothing is forgotten early: when it is full, requests with a new key are refused.
package final class IdempotencyStore: Sendable {
    package struct Limits: Sendable, Equatable {
        /// How long an answer is kept.
        package var lifetime: Duration = .seconds(600)
        /// How many bytes keys and answers may take. Until its answer is there, a request is taken to need as much as its
        /// body; an answer that turns out longer is kept all the same, and may exceed the limit.
        package var bytes = 64 << 20

        package init() {}
    }

    /// The right, and the duty, to answer for a key.
    struct Reservation: Sendable {
        fileprivate let key: IdempotencyKey
    }

    enum Place: Sendable {
        /// Nobody has come with this key: answer the request, and call ``finish(_:_:now:)``.
        case first(Reservation)
        case answered(Result<Response, Problem>, Remark)
    }

    private struct Entry {
        let fingerprint: RequestFingerprint
        var answer: Result<Response, Problem>?
        /// For the log.
        var remark = Remark.none
        var bytes: Int
    }

    private struct State {
        var entries: [IdempotencyKey: Entry] = [:]
        var answered = ExpiryQueue<IdempotencyKey>()
        var bytes = 0

        mutating func remove(_ key: IdempotencyKey) {
            guard let entry = entries.removeValue(forKey: key) else { return }
            bytes -= entry.bytes
        }

        mutating func forget(until now: MonotonicTime) {
            while let key = answered.takeExpired(now: now) { remove(key) }
        }
    }

    private let limits: Limits
    private let state = Mutex(State())

    /// The memory of a key beside its text and its answer: about 480 bytes of resident memory (measured), and what the log would say of
    /// it, of which an event's name and a first fault are at most 400.
    static let overhead = 1_024

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// How many keys are known.
    package var count: Int { state.withLock { $0.entries.count } }

    /// How many bytes they take.
    package var bytes: Int { state.withLock { $0.bytes } }

    /// - Throws: when the first request is not answered yet, was another one, or there is no room for one more.
    func begin(
        _ key: IdempotencyKey, fingerprint: RequestFingerprint, now: MonotonicTime
    ) throws(Problem) -> Place {
        try state.withLock { state throws(Problem) in
            state.forget(until: now)
            if let entry = state.entries[key] {
                guard entry.fingerprint == fingerprint else {
                    throw Problem(.idempotencyKeyReused, "this Idempotency-Key came with another request before")
                }
                guard let answer = entry.answer else {
                    throw Problem(.idempotencyKeyInFlight, "the first request with this Idempotency-Key is under way")
                }
                return .answered(answer, entry.remark)
            }
            let bytes = Self.overhead + key.name.utf8.count + fingerprint.size
            guard state.bytes + bytes <= limits.bytes else {
                throw Problem(.overloaded, "too many answers are kept for Idempotency-Keys; nothing was published")
            }
            state.entries[key] = Entry(fingerprint: fingerprint, answer: nil, bytes: bytes)
            state.bytes += bytes
            return .first(Reservation(key: key))
        }
    }

    /// Keeps the answer, or gives the key free if the request has certainly done nothing.
    func finish(
        _ reservation: Reservation, _ answer: Result<Response, Problem>, _ remark: Remark = .none, now: MonotonicTime
    ) {
        state.withLock { state in
            guard answer.hasEffect, var entry = state.entries[reservation.key] else {
                state.remove(reservation.key)
                return
            }
            let bytes = Self.overhead + reservation.key.name.utf8.count + answer.size
            state.bytes += bytes - entry.bytes
            entry.bytes = bytes
            entry.answer = answer
            entry.remark = remark
            state.entries[reservation.key] = entry
            state.answered.append(reservation.key, until: now + limits.lifetime)
        }
    }
}

extension Result<Response, Problem> {
    /// Whether the request has done something, or may have.
    fileprivate var hasEffect: Bool {
        switch self {
        case .success(let response): !response.isWithoutEffect
        case .failure(let problem): problem.code.isOutcomeUnknown
        }
    }

    fileprivate var size: Int {
        switch self {
        case .success(let response): response.body.count
        case .failure(let problem): problem.detail.utf8.count
        }
    }
}
