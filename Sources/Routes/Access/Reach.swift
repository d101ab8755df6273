internal import AMQPBridge

/// The namespaces, rooms, sockets and events that a key or a hook may name.
package struct Reach: Sendable, Equatable {
    package var namespaces: NameGlobs
    /// For all names that stand where a room may: a socket's id is a room, too.
    package var rooms: NameGlobs
    /// For names that stand where a socket's id is expected. What does not look like one must be among the rooms as well.
    package var sockets: NameGlobs
    package var events: NameGlobs

    /// - Parameter sockets: `nil`: as for rooms, since a socket's id is one.
    package init(
        namespaces: NameGlobs = .any, rooms: NameGlobs = .any, sockets: NameGlobs? = nil, events: NameGlobs = .any
    ) {
        self.namespaces = namespaces
        self.rooms = rooms
        self.sockets = sockets ?? rooms
        self.events = events
    }

    /// The same, in memory of its own.
    func copied() -> Reach {
        Reach(
            namespaces: namespaces.copied(), rooms: rooms.copied(), sockets: sockets.copied(), events: events.copied())
    }

    var isUnlimited: Bool {
        namespaces.matchEverything && rooms.matchEverything && sockets.matchEverything && events.matchEverything
    }
}

/// Globs of which one must match.
package struct NameGlobs: Sendable, Equatable, CustomStringConvertible {
    private let globs: [Glob]
    let matchEverything: Bool

    package init(_ globs: [Glob]) {
        self.globs = globs
        matchEverything = globs.contains(where: \.matchesEverything)
    }

    package static let any = NameGlobs([Glob("*")])

    func copied() -> NameGlobs { matchEverything ? self : NameGlobs(globs.map { Glob($0.pattern) }) }

    func matches(_ name: String) -> Bool {
        matchEverything || globs.contains { $0.matches(name) }
    }

    /// A number by its digits.
    func matches(_ room: RoomName) -> Bool { matchEverything || matches(room.text) }

    func matchAll(beginningWith prefix: String) -> Bool {
        globs.contains { $0.matchesAll(beginningWith: prefix) }
    }

    package var patterns: [String] { globs.map(\.pattern) }

    /// The first of them: a batch may say this thousands of times.
    package var description: String {
        let more = globs.count > Self.mostShown ? " and \(globs.count - Self.mostShown) more" : ""
        return patterns.prefix(Self.mostShown).joined(separator: ", ") + more
    }

    private static let mostShown = 5
}

/// The same questions, answered with yes or no: for whoever asks it of everything that goes by.
extension Reach {
    func covers(_ emit: Emit) -> Bool {
        isUnlimited
            || namespaces.matches(emit.namespace) && events.matches(emit.event) && covers(rooms: emit.rooms)
                && emit.except.allSatisfy(rooms.matches) && emit.exceptSockets.allSatisfy(covers(id:))
    }

    func covers(_ selection: SocketSelection, _ change: ChangeSockets.Change) -> Bool {
        guard !isUnlimited else { return true }
        guard namespaces.matches(selection.namespace),
            selection.id.map(covers(id:)) ?? covers(rooms: selection.rooms),
            selection.except.allSatisfy(rooms.matches)
        else { return false }
        switch change {
        case .join(let names), .leave(let names): return names.allSatisfy(rooms.matches)
        case .disconnect(let close): return !close || namespaces.matchEverything
        }
    }

    func covers(_ command: ServerSideEmit) -> Bool {
        namespaces.matches(command.namespace) && events.matches(command.event)
    }

    private func covers(rooms names: [RoomName]) -> Bool {
        rooms.matchEverything || !names.isEmpty && names.allSatisfy(rooms.matches)
    }

    private func covers(id: String) -> Bool {
        sockets.matches(id) && (RoomName.name(id).isSocketID || rooms.matches(id))
    }
}

extension Reach {
    /// Everything that an emit names and may not.
    func places(beyond emit: Emit) -> [Problem.Place] {
        guard !isUnlimited else { return [] }
        var places = BeyondReach()
        places.add(name: emit.namespace, "/namespace", namespaces)
        places.add(name: emit.event, "/event", events)
        places.add(rooms: emit.rooms, "/rooms", rooms)
        places.add(names: emit.except, "/except", rooms)
        for (index, id) in emit.exceptSockets.enumerated() {
            places.add(id: id, .body("/exceptSockets/\(index)"), self)
        }
        return places.found
    }

    /// Everything that a selection of sockets names and may not.
    ///
    /// - Parameter list: what the request calls the rooms.
    func places(beyond selection: SocketSelection, list: String) -> [Problem.Place] {
        guard !isUnlimited else { return [] }
        var places = BeyondReach()
        places.add(name: selection.namespace, "/namespace", namespaces)
        if let id = selection.id {
            places.add(id: id, .path("id"), self)
        } else {
            places.add(rooms: selection.rooms, "/\(list)", rooms)
        }
        places.add(names: selection.except, "/except", rooms)
        return places.found
    }

    /// The rooms that are to be joined or left, as far as they may not be; and whole connections, which are in other
    /// namespaces, too.
    func places(beyond change: ChangeSockets.Change) -> [Problem.Place] {
        var places = BeyondReach()
        switch change {
        case .join(let names), .leave(let names): places.add(names: names, "/rooms", rooms)
        case .disconnect(let close):
            if close, !namespaces.matchEverything {
                places.fail(
                    .body("/close"), "it ends connections in all namespaces, and for that the key would need *",
                    namespaces)
            }
        }
        return places.found
    }

    func places(beyond question: ListRooms) -> [Problem.Place] {
        guard !isUnlimited else { return [] }
        var places = BeyondReach()
        places.add(name: question.namespace, "/namespace", namespaces)
        if !rooms.matchAll(beginningWith: question.prefix) {
            places.fail(.body("/prefix"), "the key may not read all rooms that begin so", rooms)
        }
        return places.found
    }

    func places(beyond question: CountSockets) -> [Problem.Place] {
        places(beyond: SocketSelection(namespace: question.namespace, rooms: question.rooms), list: "rooms")
    }

    func places(beyond command: ServerSideEmit) -> [Problem.Place] {
        var places = BeyondReach()
        places.add(name: command.namespace, "/namespace", namespaces)
        places.add(name: command.event, "/event", events)
        return places.found
    }

    /// What a stream of events names and never gives this caller. Globs give what of them is within reach.
    func places(beyondEvents types: [String], rooms: [String], namespaces: [String]) -> [Problem.Place] {
        guard !isUnlimited else { return [] }
        var places = BeyondReach()
        if !self.rooms.matchEverything {
            for (index, type) in types.enumerated() where EventFilter.isWithoutRooms(type) {
                places.fail(
                    .body("/type/\(index)"), "these events have no room, and for that the key would need *", self.rooms)
            }
        }
        for (index, room) in rooms.enumerated() where !room.contains("*") {
            places.add(name: room, "/room/\(index)", self.rooms)
        }
        for (index, namespace) in namespaces.enumerated() where !namespace.contains("*") {
            places.add(name: namespace, "/namespace/\(index)", self.namespaces)
        }
        return places.found
    }

    /// - Parameter namespace: `nil`: all of them.
    func places(beyondNamespace namespace: String?) -> [Problem.Place] {
        var places = BeyondReach()
        if let namespace {
            places.add(name: namespace, "/namespace", namespaces)
        } else if !namespaces.matchEverything {
            places.fail(
                .body("/namespace"), "without a namespace it is all of them, and for that the key would need *",
                namespaces)
        }
        return places.found
    }
}

/// Gathers what may not be named, and which globs say so.
private struct BeyondReach {
    private(set) var found: [Problem.Place] = []

    /// More than these are not listed: a caller fixes them one by one anyway.
    private static let mostPlaces = 20

    mutating func add(name: String, _ pointer: @autoclosure () -> String, _ globs: NameGlobs) {
        if !globs.matches(name) { fail(.body(pointer()), "not among what the key may name", globs) }
    }

    /// A name in the place of a socket's id. Servers take it for a room, and some know nothing else: what does not look
    /// like an id must be among the key's rooms, too.
    mutating func add(id: String, _ location: @autoclosure () -> Problem.Place.Location, _ reach: Reach) {
        if !reach.sockets.matches(id) {
            fail(location(), "not among what the key may name", reach.sockets)
        } else if !RoomName.name(id).isSocketID, !reach.rooms.matches(id) {
            fail(location(), "not a socket's id, and not among the rooms that the key may name", reach.rooms)
        }
    }

    mutating func add(names: [RoomName], _ pointer: String, _ globs: NameGlobs) {
        guard !globs.matchEverything else { return }
        for (index, name) in names.enumerated() { add(name: name.text, "\(pointer)/\(index)", globs) }
    }

    /// No rooms means everyone.
    mutating func add(rooms: [RoomName], _ pointer: String, _ globs: NameGlobs) {
        if rooms.isEmpty, !globs.matchEverything {
            fail(.body(pointer), "without rooms it is everyone, and for that the key would need *", globs)
        }
        add(names: rooms, pointer, globs)
    }

    mutating func fail(_ location: Problem.Place.Location, _ detail: String, _ globs: NameGlobs) {
        guard found.count < Self.mostPlaces else { return }
        found.append(Problem.Place(location, "\(detail); it has \(globs)"))
    }
}
