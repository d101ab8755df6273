extension HTTPDaemon {
    struct Limits: Sendable, Equatable {
        /// From a connection's first byte to the end of the request's head.
        var headTime: Duration = .seconds(10)
        /// From the end of the head to the end of the body.
        var bodyTime: Duration = .seconds(30)
        /// How long a connection may be idle between two requests, or not read what it is sent. Whole seconds. Longer than
        /// what stands before a gateway keeps its connections, or a request can meet the end of one (nginx keeps its own 60 s,
        /// Amazon's balancer 60 s, Caddy and Traefik 90 to 120 s).
        var idleTime: Duration = .seconds(130)
        /// libmicrohttpd's memory for a connection, which bounds the request head, too. It zeroes it for every request,
        /// so more costs time (measured).
        var memoryPerConnection = 12 * 1_024
        /// What of it a request's head must leave for the body's pieces and the answer's head.
        var memoryForAnswer = 2 * 1_024
        /// How long a request may wait for the broker.
        var brokerTime: Duration = .seconds(5)

        /// How many requests of a loop libmicrohttpd asks for in every run, instead of suspending their connections. Each
        /// costs 21 ns a run, a suspended one 5 to 8. None where it would take one that waits for an idle one; a hook may
        /// have a time of its own, of less than 3 s.
        var mostPolled: Int { idleTime > max(brokerTime, .seconds(3)) + .seconds(1) ? 1_024 : 0 }
    }
}
