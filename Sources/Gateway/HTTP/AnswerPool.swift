internal import AMQPBridge
internal import CMicrohttpd
internal import EventLoop
internal import Glibc
internal import Routes

/// libmicrohttpd's short answers to requests that succeeded, emits before all, used again: most of an answer is that of
/// the one before, and making it anew with all its headers takes a twelfth of a request.
///
/// Only an answer that is on no connection is changed, by deleting and adding headers, and in a body of our own memory,
/// which libmicrohttpd (0.9.75) reads while it sends. Its manual asks for more: that the body does not change at all.
final class AnswerPool {
    /// The most that there are. With more on their way at once they have left the processor's caches until they are used
    /// again, and cost as much as new ones.
    static let most = 128

    /// The number of free ones that are looked at for one of the right shape, the last ones first. Receipts differ in
    /// what became of the emit and in whether there is a rate, so that a program gets two shapes or three, and counts in
    /// their digits.
    private static let lookedAt = 4

    @exclusivity(unchecked) private var free: [PooledAnswer] = []
    /// The number of those that there are, on a connection or free.
    @exclusivity(unchecked) private(set) var count = 0

    /// An answer of libmicrohttpd's that says the same, to be given back when it is on no connection any more; `nil`:
    /// there is none, or it is not of the kind that is kept.
    ///
    /// - Parameter now: seconds since 1970, for `Date`.
    func take(for response: borrowing Response, isPost: Bool, now: Int64 = UnixTime.now()) -> PooledAnswer? {
        guard let shape = PooledAnswer.Shape(response, isPost: isPost) else { return nil }
        if let index = free.indices.suffix(Self.lookedAt).last(where: { free[$0].shape == shape }) {
            let answer = free.remove(at: index)
            if answer.set(response, now) { return answer }
            count -= 1
        }
        // The one that has been free for longest makes room.
        if count == Self.most, !free.isEmpty {
            free.removeFirst()
            count -= 1
        }
        guard count < Self.most, let answer = PooledAnswer(response, shape, now) else { return nil }
        count += 1
        return answer
    }

    func giveBack(_ answer: PooledAnswer) { free.append(answer) }
}

/// An answer of libmicrohttpd's that can be changed, and its reference to it.
final class PooledAnswer {
    /// What an answer has for good. Answers of one shape differ in values alone.
    struct Shape: Equatable {
        let contentType: UnsafePointer<UInt8>
        let bodySize: Int
        let isRated: Bool
        let isPost: Bool

        /// The shape of the answers that are kept: short ones of requests that succeeded; `nil`: it is no such.
        init?(_ response: borrowing Response, isPost: Bool) {
            guard response.status < 300, response.fields.isEmpty, !response.isOfConsole,
                1...PooledAnswer.mostBytes ~= response.body.count, case .made? = response.requestID,
                let contentType = response.contentType
            else { return nil }
            self.contentType = contentType.utf8Start
            bodySize = response.body.count
            isRated = response.rate != nil
            self.isPost = isPost
        }
    }

    /// The longest body that is kept: longer than any receipt.
    static let mostBytes = 256

    let handle: OpaquePointer
    let shape: Shape
    private let body: UnsafeMutableRawPointer
    /// The values that libmicrohttpd's copies of the headers have.
    private let values: UnsafeMutablePointer<CChar>
    /// The time in its `Date`, in seconds since 1970.
    @exclusivity(unchecked) private var date: Int64 = -1
    @exclusivity(unchecked) private var rate: RateState?

    /// A header whose value changes, with the place for it in ``values``.
    private enum Field: Int {
        case requestID, date, rate

        /// Room for a value, and the zero behind it.
        static let size = 32

        /// The number of headers: a rate has three.
        static let count = Field.rate.rawValue + 3
    }

    fileprivate init?(_ response: borrowing Response, _ shape: Shape, _ now: Int64) {
        let body = UnsafeMutableRawPointer.allocate(byteCount: shape.bodySize, alignment: 8)
        // "just use it, not free it, not copy it" (microhttpd.h): it is read while an answer is sent, and not otherwise.
        guard let handle = MHD_create_response_from_buffer(shape.bodySize, body, .RESPMEM_PERSISTENT) else {
            body.deallocate()
            return nil
        }
        self.handle = handle
        self.shape = shape
        self.body = body
        values = .allocate(capacity: Field.size * Field.count)
        values.initialize(repeating: 0, count: Field.size * Field.count)
        var isWhole = true
        response.forEachConstantField(isPost: shape.isPost) { name, value in
            isWhole = MHD_add_response_header(handle, name.cString, value.cString) == .YES && isWhole
        }
        guard isWhole, set(response, now) else { return nil }
    }

    deinit {
        MHD_destroy_response(handle)
        body.deallocate()
        values.deallocate()
    }

    /// Makes it say what `response` says, which is of its shape. It must be on no connection.
    ///
    /// - Returns: `false` if there is no memory for it: then it says nothing that can be sent.
    fileprivate func set(_ response: borrowing Response, _ now: Int64) -> Bool {
        response.body.withUnsafeBytes { body.copyMemory(from: $0.baseAddress!, byteCount: shape.bodySize) }
        guard case .made(let id)? = response.requestID else { return false }
        var isSet = set("X-Request-Id", .requestID) { place in
            id.write(to: UnsafeMutableRawPointer(place).assumingMemoryBound(to: UInt8.self))
        }
        // libmicrohttpd would write it anew for every answer.
        if date != now {
            date = now
            isSet =
                set("Date", .date) { place in _ = RawAnswer.httpDate(now).withCString { strcpy(place, $0) } } && isSet
        }
        if rate != response.rate {
            rate = response.rate
            var index = 0
            rate?.forEachField { name, value in
                isSet = set(name, .rate, index) { place in strcpy(place, value) } && isSet
                index += 1
            }
        }
        return isSet
    }

    /// Gives a header another value, which `write` writes.
    private func set(
        _ name: StaticString, _ field: Field, _ index: Int = 0, _ write: (UnsafeMutablePointer<CChar>) -> Void
    ) -> Bool {
        let value = values + (field.rawValue + index) * Field.size
        if value.pointee != 0 { MHD_del_response_header(handle, name.cString, value) }
        write(value)
        return MHD_add_response_header(handle, name.cString, value) == .YES
    }
}
