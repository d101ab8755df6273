package import JSON

extension Problem {
    /// Writes the problem document (RFC 9457), for the request of this id.
    func write(to json: inout JSONWriter, requestID: String) {
        json.object { json in
            json.member("type", code.type)
            json.member("title", code.title)
            json.member("status", code.status)
            json.member("detail", detail)
            json.member("code", code.rawValue)
            json.member("requestId", requestID)
            json.member("retryable", code.isRetryable)
            if code.isOutcomeUnknown { json.member("outcome", plain: "unknown") }
            if !places.isEmpty { json.member("errors", places) }
        }
    }
}

extension Problem.Place: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            switch location {
            case .body(let pointer): json.member("pointer", pointer)
            case .query(let name), .path(let name): json.member("parameter", name)
            }
            json.member("detail", detail)
        }
    }
}
