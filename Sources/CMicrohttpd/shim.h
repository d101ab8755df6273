#pragma once
#include <microhttpd.h>
#include <string.h>

// What libmicrohttpd would do to URLs before we see them: nothing. It would cut them at %00.
static inline size_t gateway_mhd_keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    return strlen(text);
}

// Swift has no va_list: it gets the finished line.
struct gateway_mhd_log {
    void (*write)(void *context, const char *message);
    void *context;
};
static inline void gateway_mhd_write_log(void *log, const char *format, va_list arguments) {
    char message[256];
    __builtin_vsnprintf(message, sizeof message, format, arguments);
    ((struct gateway_mhd_log *)log)->write(((struct gateway_mhd_log *)log)->context, message);
}

struct gateway_mhd_options {
    // A gnutls_certificate_retrieve_function2: TLS; NULL: plain.
    void *certificate;
    unsigned int inactivity_seconds;
    size_t memory_per_connection;
    struct gateway_mhd_log *log; // must outlive the daemon
};

// MHD_start_daemon is variadic, which Swift cannot call.
static inline struct MHD_Daemon *gateway_mhd_start(
    const struct gateway_mhd_options *options, MHD_AccessHandlerCallback handle,
    MHD_RequestCompletedCallback completed, MHD_NotifyConnectionCallback connection,
    void *(*target)(void *context, const char *target, struct MHD_Connection *connection), void *context) {
    unsigned int flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    // Without TLS what is said of it would be complained about.
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, options->certificate},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    return MHD_start_daemon(
        options->certificate != NULL ? flags | MHD_USE_TLS : flags, 0, NULL, NULL,
        handle, context,
        // Comes first, or is not heard of the other options.
        MHD_OPTION_EXTERNAL_LOGGER, gateway_mhd_write_log, options->log,
        // Who may connect is decided before libmicrohttpd hears of it.
        MHD_OPTION_CONNECTION_LIMIT, 1u << 30,
        MHD_OPTION_CONNECTION_TIMEOUT, options->inactivity_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->memory_per_connection,
        MHD_OPTION_URI_LOG_CALLBACK, target, context,
        MHD_OPTION_UNESCAPE_CALLBACK, gateway_mhd_keep_escapes, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, completed, context,
        MHD_OPTION_NOTIFY_CONNECTION, connection, context,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, options->certificate != NULL ? tls : none,
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
// A gnutls_session_t; NULL: without TLS. It is there no more when the connection is reported as closed.
static inline void *gateway_mhd_session(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? info->tls_session : NULL;
}
static inline size_t gateway_mhd_head_size(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

// A header's value; NULL: there is none.
static inline const char *gateway_mhd_header(struct MHD_Connection *connection, const char *name) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

// MHD_set_response_options is variadic, which Swift cannot call. The answer has no chunks, and ends its connection: to
// HEAD, libmicrohttpd (0.9.75) would send the end of the chunks, which its client takes for the next answer.
static inline void gateway_mhd_avoid_chunks(struct MHD_Response *response) {
    MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
}

// MHD_get_daemon_info is variadic, which Swift cannot call.
static inline int gateway_mhd_epoll_descriptor(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info != NULL ? info->epoll_fd : -1;
}
