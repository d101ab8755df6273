package import AMQPBridge
internal import JSON

/// A header of an answer. (No tuple: arrays of those are destroyed by reading their types.)
package struct ResponseField: Sendable {
    package let name: StaticString
    package let value: String

    package init(_ name: StaticString, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// An answer, complete.
package struct Response: Sendable {
    package var status: Int
    package var contentType: StaticString?
    /// The headers that few answers have.
    package var fields: [ResponseField] = []
    /// The request that it is the answer to; `nil`: that is not known yet.
    package var requestID: Identifier?
    /// The state of its caller's rate; `nil`: it has none, or that is not known yet.
    package var rate: RateState?
    package var body: [UInt8]
    /// Whether the request has changed nothing, so that it may be tried again under the same idempotency key.
    package var isWithoutEffect = false
    /// Whether it is a file of the console, which a browser keeps, and in which scripts run.
    package var isOfConsole = false
    /// Which problem it tells of, if any.
    package internal(set) var code: Problem.Code?

    package init(status: Int, contentType: StaticString? = nil, body: [UInt8] = []) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// An answer in JSON: an object, whose members `write` writes.
    @inline(__always)
    static func json(_ status: Int = 200, _ write: (inout JSONObjectWriter) -> Void) -> Response {
        var body = JSONWriter.bytes(capacity: 128) { $0.object(write) }
        body.append(UInt8(ascii: "\n"))
        return Response(status: status, contentType: "application/json", body: body)
    }
}

extension Response {
    /// Calls `body` with each header that is the answer's own, its value as C reads it.
    package func forEachField(_ body: (_ name: StaticString, _ value: UnsafePointer<CChar>) -> Void) {
        requestID?.text.withCString { body("X-Request-Id", $0) }
        rate?.forEachField(body)
        for field in fields { field.value.withCString { body(field.name, $0) } }
    }

    /// Its `Allow`.
    var allowedMethods: String? {
        fields.first { $0.name.utf8CodeUnitCount == 5 && "\($0.name)" == "Allow" }?.value
    }
}
