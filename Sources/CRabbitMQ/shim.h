#pragma once
#include <stdbool.h>
#include <sys/time.h>
#include <amqp.h>
#include <amqp_framing.h>

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
