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
        guard let created else { return .NO }
        // Queueing holds a reference of its own.
        defer { MHD_destroy_response(created) }
        forEachConstantField(isPost: isPost) { name, value in
            MHD_add_response_header(created, name.cString, value.cString)
        }
        for field in fields {
            field.value.withCString { value in _ = MHD_add_response_header(created, field.name.cString, value) }
        }
        if isLast { MHD_add_response_header(created, "Connection", "close") }
        return MHD_queue_response(connection, UInt32(status), created)
    }
}
