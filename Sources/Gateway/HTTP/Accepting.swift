internal import Glibc

/// How connections are taken from a listener in one turn of the loop: what the sockets say goes in, the next step comes out.
struct Accepting {
    enum Step: Equatable {
        case accepts
        /// There is no room: whether somebody waits at all.
        case looksWhoWaits
        case makesRoom
        /// Something has run out.
        case rests(Shortage)
        case isDone
    }

    enum Shortage: Equatable {
        case connections
        /// With the error that said so, which says of what: `EMFILE` and its like. One connection makes room, for the next time.
        case descriptors(Int32)
    }

    /// How many more in this turn: others have something to do, too.
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
