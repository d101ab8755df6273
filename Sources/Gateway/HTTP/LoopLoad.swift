/// What one event loop adds to the load of the process, and its questions to it.
///
/// Loops that all wrote to one number with every request would take it from each other's processor each time. So each
/// keeps its own changes, and tells them to the others in the end of its turn, or as soon as they are more than a
/// thousandth of what is allowed. The process may so take more than that by a thousandth for each loop and a piece of a
/// body, or refuse as much too early. Both daemons of a loop have the same one.
///
/// Lives on one event loop.
final class LoopLoad {
    let process: HTTPLoad
    // Not watched for overlapping accesses: each is read and written in one step.
    @exclusivity(unchecked) private var requests = 0
    @exclusivity(unchecked) private var bodyBytes = 0
    private let untoldRequests: Int
    private let untoldBytes: Int

    init(of process: HTTPLoad) {
        self.process = process
        untoldRequests = process.limits.requests / Self.untoldPart
        untoldBytes = process.limits.bodyBytes / Self.untoldPart
    }

    private static let untoldPart = 1_000

    /// Tells the other loops what has changed.
    func tell() {
        if requests != 0 { tellRequests() }
        if bodyBytes != 0 { tellBodyBytes() }
    }

    private func tellRequests() {
        process.addRequests(requests)
        requests = 0
    }

    private func tellBodyBytes() {
        process.addBodyBytes(bodyBytes)
        bodyBytes = 0
    }

    private func add(requests count: Int) {
        requests += count
        if abs(requests) > untoldRequests { tellRequests() }
    }

    private func add(bodyBytes count: Int) {
        bodyBytes += count
        if abs(bodyBytes) > untoldBytes { tellBodyBytes() }
    }

    // MARK: Requests

    /// Counts one more request. Returns `false` if it is one too many; it is counted all the same.
    func began() -> Bool {
        add(requests: 1)
        return process.requestsInFlight + requests <= process.limits.requests
    }

    func ended() { add(requests: -1) }

    /// See ``HTTPLoad/began(from:)``.
    func began(from client: ClientAddress) -> Bool { process.began(from: client) }

    func ended(from client: ClientAddress) { process.ended(from: client) }

    // MARK: Bytes

    /// Whether a body of this size could be taken now. Nothing is set aside: only bytes that have come count.
    func hasRoom(forBody count: Int) -> Bool { process.bodyBytes + bodyBytes <= process.limits.bodyBytes - count }

    /// Takes memory for a piece of a body. Returns `false`, having taken nothing, if there is none left.
    func takeBodyBytes(_ count: Int) -> Bool {
        guard hasRoom(forBody: count) else { return false }
        add(bodyBytes: count)
        return true
    }

    /// Counts an answer in place of the body it is for. It is there already, so nothing is refused here.
    func replaceBodyBytes(_ count: Int, with answer: Int) { add(bodyBytes: answer - count) }

    func giveBackBodyBytes(_ count: Int) { add(bodyBytes: -count) }
}
