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
    /// The items of a batch.
    var items: [TailItem] = []
    /// The length of the body.
    var bytes = 0
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

/// An item of a batch, and what became of it.
struct TailItem: Sendable {
    /// `nil`: it could not be read.
    let subject: TailSubject?
    let outcome: Outcome

    enum Outcome: Sendable {
        case emitted(Receipt)
        case dryRun
        case refused(Problem.Code, detail: String)
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
        while arguments.bytes[end] & 0xC0 == 0x80 { end -= 1 }
        text = "[" + String(decoding: arguments.bytes[..<end], as: UTF8.self)
    }
}
