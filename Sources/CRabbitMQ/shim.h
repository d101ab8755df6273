#pragma once
#include <stdbool.h>
#include <sys/time.h>
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>

// amqp_login_with_properties is variadic, and table values are unions; Swift can do neither.
// Says who we are, and that we understand connection.blocked and a consumer's end, which are sent to nobody else.
static inline amqp_rpc_reply_t gateway_amqp_login_plain(
    amqp_connection_state_t state, const char *vhost, int frame_max, int heartbeat,
    const char *connection_name, const char *user, const char *password) {
    static const char *const understood[] = {
        "connection.blocked", "publisher_confirms", "basic.nack", "consumer_cancel_notify"};
    enum { count = sizeof understood / sizeof understood[0] };
    amqp_table_entry_t capabilities[count];
    for (int i = 0; i < count; i++) {
        capabilities[i].key = amqp_cstring_bytes(understood[i]);
        capabilities[i].value.kind = AMQP_FIELD_KIND_BOOLEAN;
        capabilities[i].value.value.boolean = 1;
    }
    amqp_table_entry_t entries[3];
    entries[0].key = amqp_cstring_bytes("capabilities");
    entries[0].value.kind = AMQP_FIELD_KIND_TABLE;
    entries[0].value.value.table.num_entries = count;
    entries[0].value.value.table.entries = capabilities;
    entries[1].key = amqp_cstring_bytes("product");
    entries[1].value.kind = AMQP_FIELD_KIND_UTF8;
    entries[1].value.value.bytes = amqp_cstring_bytes("socketio-gateway");
    entries[2].key = amqp_cstring_bytes("connection_name");
    entries[2].value.kind = AMQP_FIELD_KIND_UTF8;
    entries[2].value.value.bytes = amqp_cstring_bytes(connection_name);
    const amqp_table_t properties = {.num_entries = 3, .entries = entries};
    return amqp_login_with_properties(
        state, vhost, 0, frame_max, heartbeat, &properties, AMQP_SASL_METHOD_PLAIN, user, password);
}

// The method of a frame is a `void *` whose type depends on a 32-bit id: these give Swift the union's members by name.
static inline amqp_method_number_t gateway_frame_method(const amqp_frame_t *frame) {
    return frame->payload.method.id;
}
static inline const void *gateway_frame_decoded(const amqp_frame_t *frame) {
    return frame->payload.method.decoded;
}
static inline uint64_t gateway_frame_body_size(const amqp_frame_t *frame) {
    return frame->payload.properties.body_size;
}
static inline size_t gateway_frame_fragment_length(const amqp_frame_t *frame) {
    return frame->payload.body_fragment.len;
}
static inline amqp_bytes_t gateway_frame_fragment(const amqp_frame_t *frame) {
    return frame->payload.body_fragment;
}
static inline amqp_bytes_t gateway_frame_correlation_id(const amqp_frame_t *frame) {
    const amqp_basic_properties_t *properties = (const amqp_basic_properties_t *)frame->payload.properties.decoded;
    return properties != NULL && (properties->_flags & AMQP_BASIC_CORRELATION_ID_FLAG) ? properties->correlation_id
                                                                                      : amqp_empty_bytes;
}
static inline amqp_bytes_t gateway_frame_message_id(const amqp_frame_t *frame) {
    const amqp_basic_properties_t *properties = (const amqp_basic_properties_t *)frame->payload.properties.decoded;
    return properties != NULL && (properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG) ? properties->message_id
                                                                                  : amqp_empty_bytes;
}
