extension HTTPDaemon {
    struct Limits: Sendable, Equatable {
        /// The time from a connection's first byte to the end of the request's head.
        var headTime: Duration = .seconds(10)
        /// The time from the end of the head to the end of the body.
        var bodyTime: Duration = .seconds(30)
        /// The time that a connection may be idle between two requests, or may not read its answer. Whole seconds. It
        /// is longer than proxies keep their connections to a gateway, or a request can meet the end of one (nginx
        /// keeps its own 60 s, Amazon's balancer 60 s, Caddy and Traefik 90 to 120 s).
        var idleTime: Duration = .seconds(130)
        /// libmicrohttpd's memory for a connection, which bounds the request head, too. It zeroes it for every request,
        /// so more costs time (measured).
        var memoryPerConnection = 12 * 1_024
        /// The part of it, in bytes, that a request's head must leave for the body's pieces and the answer's head.
        var memoryForAnswer = 2 * 1_024
        /// The time that a request may wait for the broker.
        var brokerTime: Duration = .seconds(5)

        /// The most requests of a loop that libmicrohttpd asks for in every run, instead of suspending their
        /// connections. Each costs 21 ns a run, a suspended one 5 to 8. None where it would take one that waits for an
        /// idle one; a hook may have a time of its own, of less than 3 s.
        var mostPolled: Int { idleTime > max(brokerTime, .seconds(3)) + .seconds(1) ? 1_024 : 0 }
    }
}
