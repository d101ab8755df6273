internal import JSON

/// An answer, complete.
public struct Response: Sendable {
    public var status: Int
    public var contentType: StaticString?
    public var fields: [(name: StaticString, value: String)] = []
    public var body: [UInt8]
    /// Whether the request has changed nothing, so that it may be tried again under the same idempotency key.
    public var isWithoutEffect = false
    /// What it is the answer to, once the router is done with it.
    public internal(set) var subject: Subject?
    /// Which problem it tells of, if any.
    public internal(set) var code: Problem.Code?

    public init(status: Int, contentType: StaticString? = nil, body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// An answer in JSON: an object, whose members `write` writes.
    @inline(__always)
    static func json(_ status: Int = 200, _ write: (inout JSONObjectWriter) -> Void) -> Response {
        var body = JSONWriter.bytes(capacity: 96) { $0.object(write) }
        body.append(UInt8(ascii: "\n"))
        return Response(status: status, contentType: "application/json", body: body)
    }
}

extension Response {
    /// Its `Allow`.
    var allowedMethods: String? {
        fields.first { $0.name.utf8CodeUnitCount == 5 && "\($0.name)" == "Allow" }?.value
    }
}
