internal import Glibc

/// The taking of connections from a listener in one turn of the loop: the sockets' results go in, the next step comes
/// out.
struct Accepting {
    enum Step: Equatable {
        case accepts
        /// Looks whether a client waits at all, for there is no room.
        case looksWhoWaits
        case makesRoom
        /// Rests, because something has run out.
        case rests(Shortage)
        case isDone
    }

    enum Shortage: Equatable {
        case connections
        /// A shortage of the system's, with the error that tells of what: `EMFILE` and its like. One connection makes
        /// room, for the next time.
        case descriptors(Int32)
    }

    /// The most connections still to be taken in this turn: others have something to do, too.
    private var left: Int

    init(atMost most: Int) { left = most }

    /// The first step, or the one behind a connection that was taken.
    mutating func next(hasRoom: Bool) -> Step {
        guard left > 0 else { return .isDone }
        left -= 1
        return hasRoom ? .accepts : .looksWhoWaits
    }

    func looked(somebodyWaits: Bool) -> Step { somebodyWaits ? .makesRoom : .isDone }

    func madeRoom(hasRoom: Bool) -> Step { hasRoom ? .accepts : .rests(.connections) }

    /// `accept4(2)` has failed.
    mutating func failed(_ code: Int32, hasRoom: Bool) -> Step {
        switch code {
        case EAGAIN: .isDone
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: .rests(.descriptors(code))
        // Errors of the network that came before the connection was taken (accept(2)), and signals.
        default: next(hasRoom: hasRoom)
        }
    }
}
