internal import CMicrohttpd
internal import Routes

extension Response {
    /// Gives the answer to libmicrohttpd.
    ///
    /// - Parameter isLast: whether it ends the connection.
    func queue(on connection: OpaquePointer, isPost: Bool, isLast: Bool) -> MHD_Result {
        let created = body.withUnsafeBytes { body in
            // "MUST_COPY: buffer is copied" (manual): the Swift array need not outlive this call.
            MHD_create_response_from_buffer(
                body.count, UnsafeMutableRawPointer(mutating: body.baseAddress), .RESPMEM_MUST_COPY)
        }
        return queue(created, on: connection, isPost: isPost, isStreamed: false, isLast: isLast)
    }

    /// Gives the head of the answer to libmicrohttpd, and has the rest asked for.
    func queue(_ stream: OpenStream, on connection: OpaquePointer, isLast: Bool) -> MHD_Result {
        queue(stream.response(), on: connection, isPost: false, isStreamed: true, isLast: isLast)
    }

    private func queue(
        _ created: OpaquePointer?, on connection: OpaquePointer, isPost: Bool, isStreamed: Bool, isLast: Bool
    ) -> MHD_Result {
        guard let created else { return .NO }
        // Queueing holds a reference of its own.
        defer { MHD_destroy_response(created) }
        forEachConstantField(isPost: isPost, isStreamed: isStreamed) { name, value in
            MHD_add_response_header(created, name.cString, value.cString)
        }
        forEachField { name, value in MHD_add_response_header(created, name.cString, value) }
        if isLast { MHD_add_response_header(created, "Connection", "close") }
        return MHD_queue_response(connection, UInt32(status), created)
    }
}
