internal import JSON

/// Server-sent events as bytes (WHATWG HTML, section 9.2). No value in them has a line break: JSON escapes those.
enum EventText {
    /// The beginning of a stream. An id without data is remembered by the client, and is no event.
    static func opening(_ id: EventID) -> [UInt8] { Array("retry: 3000\nid: \(id)\n\n".utf8) }

    /// - Parameter json: an object, without its id.
    static func event(_ type: String, _ id: EventID, json: [UInt8]) -> [UInt8] {
        let id = id.description
        var text: [UInt8] = []
        text.reserveCapacity(json.count + 2 * id.utf8.count + type.utf8.count + 40)
        for part in ["id: ", id, "\nevent: ", type, "\ndata: {\"id\":\"", id, "\","] {
            text.append(contentsOf: part.utf8)
        }
        text.append(contentsOf: json[1...])
        text.append(contentsOf: "\n\n".utf8)
        return text
    }

    /// An event without an id, whose data are an object of these members.
    static func event(_ type: StaticString, _ members: (inout JSONObjectWriter) -> Void) -> [UInt8] {
        let data = JSONWriter.bytes { $0.object(members) }
        return Array("event: \(type)\ndata: ".utf8) + data + Array("\n\n".utf8)
    }

    /// Says that events are missing. The id is that of the place from which on none is.
    ///
    /// - Parameter time: milliseconds since 1970.
    static func reset(_ reason: EventReset, _ id: EventID, time: Int64) -> [UInt8] {
        let json = JSONWriter.bytes { json in
            json.object { json in
                json.member("type", "reset")
                json.member("time", UTCTime.text(milliseconds: time))
                json.member("reason", reason.rawValue)
                json.member("detail", reason.detail)
            }
        }
        return event("reset", id, json: json)
    }

    /// A comment, so that nobody between takes the connection for dead; with an id, so that the place of a client that
    /// wants few events does not grow old.
    static func comment(_ id: EventID?) -> [UInt8] { Array((id.map { ":\nid: \($0)\n\n" } ?? ":\n\n").utf8) }

    /// The last words of a gateway that ends: another one is there soon.
    static let farewell = Array("retry: 1000\n\n".utf8)
}

/// The reasons why events are missing.
enum EventReset: String {
    /// The id is none of this run of the gateway.
    case unknown = "unknown_id"
    /// What followed the id is not kept any more, or was not listened to.
    case tooOld = "too_old"
    /// The client has read too slowly.
    case tooSlow = "too_slow"

    fileprivate var detail: String {
        let missing =
            switch self {
            case .unknown: "Last-Event-ID is of another gateway, or of another run of this one"
            case .tooOld: "what followed Last-Event-ID is not there any more"
            case .tooSlow: "events came faster than they were read"
            }
        return "events are missing: \(missing). Ask GET /v1/rooms for what is true now; this stream goes on from here."
    }
}
