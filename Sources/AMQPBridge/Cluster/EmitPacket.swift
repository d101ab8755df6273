internal import JSON

extension JSONObjectWriter {
    /// Writes `"packet":{…},"opts":{…}` and the attachments. Flags that have their default are left out: `volatile:
    /// false` would count as volatile (observed, socket.io-adapter 2.5.8).
    ///
    /// - Parameter timeout: the time for acknowledgements; `nil`: none are wanted.
    mutating func packet(of emit: Emit, timeout: Duration?) {
        eventPacket(of: emit)
        let selection = SocketSelection(
            namespace: emit.namespace, rooms: emit.rooms,
            except: emit.except + emit.exceptSockets.map { .name($0) })
        options(selection) { flags in
            if emit.isVolatile { flags.member("volatile", true) }
            if !emit.isCompressed { flags.member("compress", false) }
            flags.member("timeout", ifPresent: timeout?.wholeMilliseconds)
        }
        attachments(emit.attachments)
    }

    /// Writes `"packet":{"type":2,"data":[event,…]}`; 2 is EVENT in Socket.IO's protocol, revision 5.
    mutating func eventPacket(of emit: Emit) {
        object("packet") { packet in
            packet.member("type", 2)
            packet.list("data") { json in
                json.element(emit.event)
                json.elements(verbatim: emit.arguments)
            }
        }
    }

    /// Writes the bytes that placeholders stand for, if there are any.
    mutating func attachments(_ attachments: [String]) {
        if !attachments.isEmpty { member("attachments", attachments) }
    }
}

extension Duration {
    var wholeMilliseconds: Int { Int(nanoseconds / 1_000_000) }
}
