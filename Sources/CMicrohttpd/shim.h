#pragma once
#include <microhttpd.h>
#include <string.h>

// What libmicrohttpd would do to URLs before we see them: nothing. It would cut them at %00.
static inline size_t gateway_mhd_keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    return strlen(text);
}

struct gateway_mhd_options {
    int listening_socket;
    unsigned int connection_limit;
    unsigned int inactivity_seconds;
    size_t memory_per_connection;
};

// MHD_start_daemon is variadic, which Swift cannot call.
static inline struct MHD_Daemon *gateway_mhd_start(
    const struct gateway_mhd_options *options, MHD_AccessHandlerCallback handle,
    MHD_RequestCompletedCallback completed, MHD_NotifyConnectionCallback connection, MHD_AcceptPolicyCallback accept,
    void *(*target)(void *context, const char *target, struct MHD_Connection *connection), void *context) {
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, accept, context, handle, context,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket)options->listening_socket,
        MHD_OPTION_CONNECTION_LIMIT, options->connection_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, options->inactivity_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->memory_per_connection,
        MHD_OPTION_URI_LOG_CALLBACK, target, context,
        MHD_OPTION_UNESCAPE_CALLBACK, gateway_mhd_keep_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, completed, context,
        MHD_OPTION_NOTIFY_CONNECTION, connection, context,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_END);
}

// MHD_get_connection_info is variadic, which Swift cannot call: these are the kinds of it that we ask for.
static inline void *gateway_mhd_socket_context(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}
static inline int gateway_mhd_descriptor(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}
// How many headers and query arguments a request has: each takes libmicrohttpd's memory for the connection.
static inline int gateway_mhd_field_count(struct MHD_Connection *connection) {
    return MHD_get_connection_values(connection, MHD_HEADER_KIND, NULL, NULL)
           + MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL);
}
static inline size_t gateway_mhd_head_size(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}
static inline const struct sockaddr *gateway_mhd_client_address(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return info != NULL ? info->client_addr : NULL;
}

// MHD_get_daemon_info is variadic, which Swift cannot call.
static inline int gateway_mhd_epoll_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info != NULL ? info->epoll_fd : -1;
}
