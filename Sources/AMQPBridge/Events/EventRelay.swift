internal import AMQP
internal import EventLoop

/// The part of a cluster session that is about events: hears those of the servers while somebody wants them, and passes
/// on what has happened, to the gateway and to the exchange of events. Without I/O.
///
/// Lives on the cluster client's thread.
final class EventRelay {
    /// Called with what has happened in the cluster, while that is wanted.
    var came: (([ClusterEvent]) -> Void)?
    /// Called with the number of events that were published, and whether this gateway is the one that publishes them.
    var published: ((_ count: Int, _ isSender: Bool) -> Void)?
    /// Called with the uid of a server that tells no events, while they are wanted.
    var silentServer: ((String) -> Void)?
    /// Called with a list of rooms that comes to nothing again and again, while events are wanted.
    var unreadableList: ((UnreadableList) -> Void)?

    /// The exchange of the cluster protocol.
    private let exchange: String
    private let limits: ClusterView.Limits
    /// Milliseconds since 1970.
    private let clock: () -> Int64
    /// `nil`: nobody wants events.
    private var events: ServerEvents?
    private var publisher: EventPublisher?
    /// The number of pages that have been asked for.
    private var listings = 0
    /// How often events have begun to be wanted.
    private var runs = 0
    private var hasChannel = false
    private var isConsuming = false
    private var silenceWarnings = WarningLimiter<String>()

    /// The time that a server has to answer with a page of its rooms.
    private static let listTime: Duration = .seconds(10)

    init(
        exchange: String, limits: ClusterView.Limits, eventExchange: EventExchange?, clock: @escaping () -> Int64
    ) {
        self.exchange = exchange
        self.limits = limits
        self.clock = clock
        publisher = eventExchange.map(EventPublisher.init)
    }

    var isWanted: Bool { events != nil }

    // MARK: The connection

    func connected(into buffer: inout [UInt8]) {
        hasChannel = false
        isConsuming = false
        open(into: &buffer)
        publisher?.open(into: &buffer)
    }

    func disconnected() {
        hasChannel = false
        isConsuming = false
        events?.disconnected()
        publisher?.disconnected()
    }

    /// Asks for the channel on which the servers' events come, if they are wanted and it was not asked for.
    func open(into buffer: inout [UInt8]) {
        guard let events, !hasChannel else { return }
        hasChannel = true
        events.open(exchange: exchange, into: &buffer)
    }

    /// The broker has begun to deliver the servers' events.
    func opened() {
        isConsuming = true
        events?.isOpen()
    }

    /// Takes a frame of ``EventPublisher/channel``.
    func handlePublishing(_ frame: InboundFrame, now: MonotonicTime, into buffer: inout [UInt8]) {
        publisher?.handle(frame, now: now, into: &buffer)
    }

    /// A message has come by the lock's queue.
    func takeLock(now: MonotonicTime) {
        if publisher?.takeLock() == true { becomeSender(now: now) }
    }

    // MARK: Callers

    /// - Parameter wants: `nil`: events are not wanted any more. What was known of rooms is forgotten.
    /// - Returns: whether they have begun to be wanted.
    func want(_ wants: EventWants?, now: MonotonicTime) -> Bool {
        guard let wants else {
            events = nil
            return false
        }
        guard events == nil else {
            events?.want(wants, now: now)
            return false
        }
        runs += 1
        events = ServerEvents(wants, limits)
        if isConsuming { events?.isOpen() }
        return true
    }

    /// Somebody begins to receive events, and asks for the state.
    func receiverCame(now: MonotonicTime) { events?.view.receiverCame(now: now) }

    // MARK: Servers

    /// The servers are known.
    func begin(_ servers: [Presence.Server], now: MonotonicTime) { events?.begin(servers, at: time(now)) }

    /// A server has said that it is there.
    func heard(_ server: Presence.Server, isNew: Bool, now: MonotonicTime) {
        guard isWanted else { return }
        events?.heard(server, isNew: isNew, at: time(now))
        warnOfSilence([server], now: now)
    }

    /// A server has gone.
    func lost(_ uid: String, now: MonotonicTime) { events?.view.lost(uid, at: time(now)) }

    /// Takes a message of a server. It is read only while events are wanted.
    func receive(_ message: ContentAssembler.Message, _ reader: ServerReader, now: MonotonicTime) {
        guard isWanted, let message = reader.read(message.body, now: now) else { return }
        events?.receive(message, at: time(now))
    }

    /// Once a minute: with nothing else to be seen, one looks for the fault in filters and keys.
    func warnOfSilence(_ servers: [Presence.Server], now: MonotonicTime) {
        guard let silent = servers.first(where: { !$0.reportsEvents }), silenceWarnings.allows(nil, now: now) else {
            return
        }
        silentServer?(silent.uid)
    }

    /// The word to the servers that events are wanted, if it is time for it.
    func word(now: MonotonicTime) -> Publication? {
        guard let body = events?.word(now: now) else { return nil }
        return Publication(exchange: exchange, routingKey: "#events-wanted", expiration: 5_000, body: body)
    }

    // MARK: Lists of rooms

    /// The question for a page of a server's rooms.
    struct PageQuestion {
        let question: Question<ListedRooms?>
        /// Below 0: no caller has such a number.
        let waiter: Int
        fileprivate let listing: Listing
        fileprivate let run: Int
    }

    /// The next page that is to be asked for; ``question(for:)`` or ``passOver(_:now:)`` has to follow.
    func nextListing(now: MonotonicTime) -> Listing? { events?.view.nextListing(now: now) }

    /// ``answered(_:_:now:)`` has to follow.
    func question(for listing: Listing) -> PageQuestion {
        listings += 1
        return PageQuestion(
            question: ListServerRooms(listing: listing, number: listings).question(timeout: Self.listTime),
            waiter: -listings, listing: listing, run: runs)
    }

    /// - Parameter rooms: `nil`: the server has not answered, or not as it should have.
    func answered(_ page: PageQuestion, _ rooms: ListedRooms?, now: MonotonicTime) {
        // Events may have been unwanted, and wanted again.
        if page.run == runs { events?.view.listed(page.listing, rooms, at: time(now)) }
    }

    /// The server cannot be asked.
    func passOver(_ listing: Listing, now: MonotonicTime) {
        events?.view.listed(listing, nil, wasAsked: false, at: time(now))
    }

    // MARK: What has happened

    func expire(now: MonotonicTime) { events?.view.expire(now: now) }

    /// Passes on what has happened since the last time.
    func passOn() {
        for list in events?.view.takeUnreadable() ?? [] { unreadableList?(list) }
        guard let news = events?.view.takeEvents(), !news.isEmpty else { return }
        came?(news)
        publish(news)
    }

    private func publish(_ news: [ClusterEvent]) {
        guard publisher?.isSender == true else { return }
        publisher?.take(news)
        // Nobody else tells which rooms there were at the start.
        for event in news where event.kind == .sync && event.reason == SyncReason.start.rawValue {
            guard let namespace = event.namespace, let rooms = events?.view.occupied(in: namespace) else { continue }
            publisher?.take(
                rooms.map { ClusterEvent(.roomOccupied, time: event.time, namespace: namespace, room: $0) })
        }
    }

    private func becomeSender(now: MonotonicTime) {
        guard let view = events?.view else { return }
        // What is away for a moment is not in it.
        events?.view.receiverCame(now: now)
        publisher?.tell(state: view.occupied, at: clock())
    }

    /// Writes what can be published now.
    ///
    /// - Returns: the number of events written; `nil`: they are published nowhere.
    func write(into outbound: inout OutboundBuffer, frameMax: Int, now: MonotonicTime) -> Int? {
        guard publisher != nil else { return nil }
        if publisher?.takeMissed() == true { becomeSender(now: now) }
        return publisher?.write(pending: outbound.pending, frameMax: frameMax, now: now, into: &outbound.bytes)
    }

    var isSender: Bool { publisher?.isSender ?? false }

    /// The time at which the session has something to do for events.
    ///
    /// - Parameters:
    ///   - pending: the bytes that wait for the socket.
    ///   - maySend: whether servers can be told and asked something now.
    ///   - mayPublish: whether events can be published now.
    func deadline(pending: Int, maySend: Bool, mayPublish: Bool) -> MonotonicTime? {
        [events?.deadline(maySend: maySend), mayPublish ? publisher?.deadline(pending: pending) : nil]
            .compactMap(\.self).min()
    }

    private func time(_ now: MonotonicTime) -> NewsTime { NewsTime(monotonic: now, unix: clock()) }
}
