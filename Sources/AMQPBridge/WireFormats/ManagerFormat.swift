/// A wire format of servers that do by themselves what others do only with a companion: python-socketio's client
/// managers take messages that do something to sockets, and publish what clients acknowledge.
package protocol ManagerFormat: WireFormat {
    /// The address at which the acknowledgements of clients arrive.
    var callbackAddress: CallbackAddress { get }

    /// An emit whose clients' acknowledgements come to ``callbackAddress`` with this number.
    func publication(for emit: Emit, callback number: Int) throws(NotExpressible) -> Publication

    /// The messages that do something to sockets on servers that cannot be asked, in order; `nil`: there are none for
    /// that.
    ///
    /// - Throws: ``NotExpressible`` when such servers would do something else, or harm themselves.
    func publications(for command: ChangeSockets) throws(NotExpressible) -> [Publication]?

    /// Whether ``Emit/except`` may name rooms; if not, servers have to be asked for the sockets in them.
    var exceptsRooms: Bool { get }
}

/// The address at which the acknowledgements for an emitter arrive.
package struct CallbackAddress: Sendable, Equatable {
    package let exchange: String
    /// The id that tells an emitter's messages from those of others.
    package let hostID: String
}

extension WireFormat {
    /// The format, if its servers do by themselves what others need a companion for.
    package var asManager: (any ManagerFormat)? { self as? any ManagerFormat }
}
