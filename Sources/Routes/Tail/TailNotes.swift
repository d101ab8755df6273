internal import AMQPBridge
internal import JSON

/// What the tail is to tell of a request, noted while it is handled. There are none while nobody watches.
///
/// `@unchecked Sendable`: as the request's own properties.
final class TailNotes: @unchecked Sendable {
    let tail: Tail
    private let keepsPayload: Bool
    /// What the request named, as soon as that is known: before it is checked whether its caller may name it.
    private(set) var subject: TailSubject?
    /// The places of items of a batch of which all is told already.
    var told: Set<Int> = []
    /// The length of the body; `nil`: it was not read.
    var bytes: Int?
    /// Whether the answer was an earlier request's.
    var isReplayed = false

    init(_ tail: Tail, keepsPayload: Bool) {
        self.tail = tail
        self.keepsPayload = keepsPayload
    }

    func note(_ emit: Emit) { subject = subject(of: emit) }

    func note(_ command: ServerSideEmit) {
        var named = command
        (named.arguments, named.attachments) = (.empty, [])
        subject = TailSubject(.servers(named), keepsPayload ? TailPayload(command.arguments) : nil)
    }

    func note(_ selection: SocketSelection, _ change: ChangeSockets.Change) {
        subject = TailSubject(.change(selection, change), nil)
    }

    /// Without what may be large.
    func subject(of emit: Emit) -> TailSubject {
        var named = emit
        (named.arguments, named.attachments) = (.empty, [])
        return TailSubject(.emit(named), keepsPayload ? TailPayload(emit.arguments) : nil)
    }
}

/// The arguments of an event, as JSON text; of long ones the beginning.
struct TailPayload: Sendable {
    let text: String
    /// The length of all of it.
    let bytes: Int

    private static let most = 2_048

    init(_ arguments: JSONText) {
        bytes = arguments.bytes.count + 2
        guard bytes > Self.most else {
            text = "[" + String(decoding: arguments.bytes, as: UTF8.self) + "]"
            return
        }
        // No part of a character.
        var end = arguments.bytes.startIndex + Self.most - 1
        while end < arguments.bytes.endIndex, arguments.bytes[end] & 0xC0 == 0x80 { end -= 1 }
        text = "[" + String(decoding: arguments.bytes[..<end], as: UTF8.self)
    }
}
