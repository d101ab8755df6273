internal import JSON

/// python-socketio's AsyncAioPikaManager and KombuManager, version 5.15.1 and later (observed: 5.18.1).
///
/// A fanout exchange: every server receives every message and does its part. No content type is set: with
/// `application/json` kombu would decode `{"__type__": …}` objects in the caller's data, and an unknown one stopped the
/// server's listener (observed).
public struct PythonSocketIO: WireFormat {
    public static let name = "python-socketio"

    /// The library's `channel`.
    public var exchange: String
    /// How long a message may wait for a server, in milliseconds: the queue of a dead one collects for five minutes.
    public var expiration: Int?
    /// Who published: servers ignore messages with their own. 32 hexadecimal digits, random per process.
    public let hostID: String

    public let knowsRecipients = false

    public init(exchange: String = "socketio", expiration: Int? = 60_000, hostID: String = Self.randomHostID()) {
        self.exchange = exchange
        self.expiration = expiration
        self.hostID = hostID
    }

    public static func randomHostID() -> String {
        let digits = Array("0123456789abcdef")
        return String((0..<32).map { _ in digits[Int.random(in: 0..<16)] })
    }

    public func publications(for emit: Emit) throws(NotExpressible) -> [Publication] {
        if !emit.except.isEmpty {
            throw NotExpressible(
                CommandField("except"),
                "python-socketio servers can leave out sockets but not rooms; name socket ids in exceptSockets")
        }
        // The routing key means nothing to a fanout; the library sends this one.
        return [Publication(exchange: exchange, routingKey: "*", expiration: expiration, body: body(emit))]
    }

    private func body(_ emit: Emit) -> [UInt8] {
        let rooms = emit.rooms.withoutDuplicates
        let skipped = emit.exceptSockets.withoutDuplicates
        var json: [UInt8] = []
        json.reserveCapacity(emit.arguments.bytes.count + emit.event.utf8.count + 256)
        json.append(json: "{\"method\":\"emit\",\"event\":")
        json.append(jsonString: emit.event)
        json.append(json: ",\"data\":[")
        if emit.attachments.isEmpty {
            json.append(json: emit.arguments)
            json.append(json: "],\"binary\":false,\"namespace\":")
        } else {
            // The list of arguments, and behind it one base64 string for each placeholder.
            json.append(json: "[")
            json.append(json: emit.arguments)
            json.append(json: "]")
            for attachment in emit.attachments {
                json.append(json: ",")
                json.append(jsonString: attachment)
            }
            json.append(json: "],\"binary\":true,\"namespace\":")
        }
        json.append(jsonString: emit.namespace)
        json.append(json: ",\"room\":")
        switch rooms.count {
        case 0: json.append(json: "null")
        case 1: json.append(jsonString: rooms[0])
        default: json.append(jsonStrings: rooms)
        }
        json.append(json: ",\"skip_sid\":")
        if skipped.isEmpty { json.append(json: "null") } else { json.append(jsonStrings: skipped) }
        json.append(json: ",\"callback\":null,\"host_id\":")
        json.append(jsonString: hostID)
        json.append(json: "}")
        return json
    }
}
