// What the three C libraries allow: the gateway's work for one emit, in C, without routes, access control or reconnects.
//
//     ceiling PORT AMQP-URL
//
// One event loop per core. Each has a listening socket (SO_REUSEPORT), a libmicrohttpd daemon (external epoll), and an
// AMQP connection with publisher confirms; loops share nothing. A turn of a loop: poll, read confirms, run the daemon, send what
// was published in one non-blocking send(). Any failure of the broker ends the program.
//
// A request that waits for its confirms is left unanswered, and libmicrohttpd asks for it again in every run; the loops are
// scheduled as batch work, as the gateway's are. Compiled with -DSUSPENDING the connection is suspended instead, which costs
// three system calls a request, and the loops are scheduled as anything else.
//
// The body is {"event": string, "args": [...], "rooms": [string, ...]}; a message goes to each room, leaving out the rooms
// before it, or to everyone when there are no rooms. The answer is 200 when the broker has confirmed them all.

#define _GNU_SOURCE
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CHANNEL = 1,
    FRAME_OVERHEAD = 8,                 // type, channel, size; end
    SLOTS = 1 << 16,                    // messages that may wait for a confirm, per loop; a power of two
    OUT_LIMIT = 32 << 20,               // bytes that may wait to be sent, per loop
    BODY_LIMIT = (1 << 20) + (64 << 10),
    KEPT_BODY = 64 << 10,               // a larger body's memory is given back
    ROOMS_LIMIT = 100,
    HTTP_CONNECTIONS = 10000,
    HTTP_MEMORY = 12 << 10,             // as the gateway's
    HTTP_INACTIVITY = 60,
    POLLED_RUN = 5,                     // milliseconds between runs of the daemon, at most, while requests are polled
};
#define EXCHANGE "socket.io"
#define EVERYONE "broadcast"
#define LITERAL(text) ((struct span){text, sizeof text - 1})

struct span {
    const char *start;
    size_t length;
};

struct request {
    struct MHD_Connection *connection;  // NULL: the client has left
    struct request *next_free;
    char *body;
    size_t length, capacity;
    unsigned waiting;  // messages that are not settled
    unsigned status;   // 0: not answered yet
    bool handled;      // it is published or refused
    bool routed;
    char answer[80];
};

struct slot {
    struct request *request;  // NULL: settled
    bool returned;
};

struct identifiers {
    uint64_t milliseconds, random, low;
    uint16_t high;
};

struct loop {
    struct MHD_Daemon *daemon;
    int http;  // the daemon's epoll descriptor
    bool resumed;     // there is something for the daemon to do
    size_t polled;    // requests that wait and are not suspended
    struct request *free_requests;
    struct identifiers identifiers;

    amqp_connection_state_t amqp;
    int broker;
    size_t frame_max;
    char *out, *scratch;
    size_t out_start, out_end, out_capacity, scratch_capacity;
    char in[64 << 10];

    struct slot slots[SLOTS];     // of tag: slots[tag % SLOTS]
    uint64_t first_tag, next_tag;  // unsettled ones are in first_tag..<next_tag
    bool in_return;                // a basic.return's method has come, its header has not
    uint64_t returned_tag, returned_left;
};

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "ceiling: %s\n", what);
    exit(1);
}

static void *allocate(void *old, size_t size) {
    void *memory = realloc(old, size);
    if (!memory) fail("out of memory");
    return memory;
}

// ---- JSON: a tree lives for one call, so its memory is taken from one block and given back all at once

enum { ARENA = 64 << 10 };
static _Thread_local char arena[ARENA] __attribute__((aligned(16)));
static _Thread_local size_t arena_used;

static void *arena_allocate(size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (size > ARENA - arena_used) return malloc(size);
    void *memory = arena + arena_used;
    arena_used += size;
    return memory;
}

static void arena_free(void *memory) {
    if ((char *)memory < arena || (char *)memory >= arena + ARENA) free(memory);
}

// ---- JSON: spans of a text that jansson has found valid

static bool is_separator(char c) { return c == ' ' || c == ',' || c == '\n' || c == '\r' || c == '\t' || c == ':'; }

static const char *skip_separators(const char *at) {
    while (is_separator(*at)) at++;
    return at;
}

static const char *skip_string(const char *at) {
    for (at++; *at != '"'; at++)
        if (*at == '\\') at++;
    return at + 1;
}

static const char *skip_value(const char *at) {
    if (*at == '"') return skip_string(at);
    if (*at != '{' && *at != '[') {
        while (!is_separator(*at) && *at != ']' && *at != '}') at++;
        return at;
    }
    int depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        if (*at == '{' || *at == '[') depth++;
        if (*at == '}' || *at == ']') depth--;
        at++;
    } while (depth > 0);
    return at;
}

static struct span next_value(const char **cursor) {
    const char *start = skip_separators(*cursor);
    *cursor = skip_value(start);
    return (struct span){start, (size_t)(*cursor - start)};
}

struct emit {
    struct span event, args, rooms_text;
    json_t *rooms;  // NULL: everyone
};

static bool are_room_names(json_t *rooms) {
    size_t count = json_array_size(rooms);
    if (count == 0 || count > ROOMS_LIMIT) return false;
    for (size_t i = 0; i < count; i++) {
        json_t *room = json_array_get(rooms, i);
        if (!json_is_string(room) || json_string_length(room) > 255) return false;
    }
    return true;
}

// jansson keeps the order of members, so the text's spans are walked beside the tree; the keys are the decoded ones.
static bool read_emit(json_t *root, const char *text, struct emit *emit) {
    if (!json_is_object(root)) return false;
    const char *cursor = skip_separators(text) + 1, *key;
    json_t *value;
    *emit = (struct emit){0};
    json_object_foreach(root, key, value) {
        next_value(&cursor);  // the key
        struct span span = next_value(&cursor);
        if (!strcmp(key, "event") && json_is_string(value)) {
            emit->event = span;
        } else if (!strcmp(key, "args") && json_is_array(value)) {
            if (json_array_size(value) > 0) emit->args = (struct span){span.start + 1, span.length - 2};
        } else if (!strcmp(key, "rooms") && are_room_names(value)) {
            emit->rooms = value;
            emit->rooms_text = span;
        } else {
            return false;
        }
    }
    return emit->event.start != NULL;
}

// ---- Identifiers: 48 bits of milliseconds and 80 random bits that count up within a millisecond, in base 32

static uint64_t next_random(struct identifiers *ids) {
    ids->random += 0x9E3779B97F4A7C15;  // splitmix64
    uint64_t z = ids->random;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

// Once per turn of the loop.
static void advance_clock(struct identifiers *ids) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t milliseconds = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    if (milliseconds <= ids->milliseconds) return;
    ids->milliseconds = milliseconds;
    ids->high = (uint16_t)next_random(ids);
    ids->low = next_random(ids);
}

static void write_identifier(struct identifiers *ids, char *text) {
    if (++ids->low == 0) ids->high++;
    uint64_t top = ids->milliseconds << 16 | ids->high, bottom = ids->low;
    for (int i = 25; i >= 0; i--) {
        text[i] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[bottom & 31];
        bottom = bottom >> 5 | top << 59;
        top >>= 5;
    }
}

// ---- Publishing

static char *put(char *at, struct span span) { return (char *)mempcpy(at, span.start, span.length); }

static char *put16(char *at, uint16_t value) {
    value = htons(value);
    return mempcpy(at, &value, 2);
}

static char *put32(char *at, uint32_t value) {
    value = htonl(value);
    return mempcpy(at, &value, 4);
}

static char *put_short_string(char *at, struct span text) {
    *at++ = (char)text.length;
    return put(at, text);
}

static char *begin_frame(char *at, int type, size_t size) {
    *at++ = (char)type;
    return put32(put16(at, CHANNEL), (uint32_t)size);
}

static char *end_frame(char *at) {
    *at++ = (char)AMQP_FRAME_END;
    return at;
}

static char *put_method(char *at, struct span key) {
    at = begin_frame(at, AMQP_FRAME_METHOD, 2 + 2 + 2 + 1 + (sizeof EXCHANGE - 1) + 1 + key.length + 1);
    at = put16(put32(at, AMQP_BASIC_PUBLISH_METHOD), 0);
    at = put_short_string(put_short_string(at, LITERAL(EXCHANGE)), key);
    *at++ = 1;  // mandatory
    return end_frame(at);
}

static char *put_header(char *at, uint64_t tag, size_t body_length) {
    char digits[20];
    size_t count = 0;
    do digits[sizeof digits - ++count] = (char)('0' + tag % 10);
    while (tag /= 10);
    at = begin_frame(at, AMQP_FRAME_HEADER, 2 + 2 + 8 + 2 + 1 + count);
    at = put16(put16(at, AMQP_BASIC_CLASS), 0);
    at = put32(put32(at, (uint32_t)((uint64_t)body_length >> 32)), (uint32_t)body_length);
    at = put16(at, AMQP_BASIC_MESSAGE_ID_FLAG);
    return end_frame(put_short_string(at, (struct span){digits + sizeof digits - count, count}));
}

static char *put_body(char *at, struct span body, size_t frame_max) {
    while (body.length > 0) {
        struct span part = {body.start, body.length};
        if (part.length > frame_max - FRAME_OVERHEAD) part.length = frame_max - FRAME_OVERHEAD;
        at = end_frame(put(begin_frame(at, AMQP_FRAME_BODY, part.length), part));
        body.start += part.length;
        body.length -= part.length;
    }
    return at;
}

// Room for `size` bytes more behind out_end.
static char *reserve(struct loop *loop, size_t size) {
    if (loop->out_end + size > loop->out_capacity) {
        loop->out_end -= loop->out_start;
        memmove(loop->out, loop->out + loop->out_start, loop->out_end);
        loop->out_start = 0;
        while (loop->out_end + size > loop->out_capacity) loop->out_capacity *= 2;
        loop->out = allocate(loop->out, loop->out_capacity);
    }
    return loop->out + loop->out_end;
}

static struct span message_body(struct loop *loop, const struct emit *emit, struct span except) {
    size_t most = emit->event.length + emit->args.length + except.length + 64;
    if (most > loop->scratch_capacity) loop->scratch = allocate(loop->scratch, loop->scratch_capacity = 2 * most);
    char *at = put(put(loop->scratch, LITERAL("{\"packet\":{\"type\":2,\"data\":[")), emit->event);
    if (emit->args.length > 0) {
        *at++ = ',';
        at = put(at, emit->args);
    }
    at = put(put(put(at, LITERAL("]},\"except\":[")), except), LITERAL("]}"));
    return (struct span){loop->scratch, (size_t)(at - loop->scratch)};
}

static void publish(
    struct loop *loop, struct request *request, const struct emit *emit, struct span key, struct span except) {
    struct span body = message_body(loop, emit, except);
    size_t frames = body.length / (loop->frame_max - FRAME_OVERHEAD) + 1;
    char *at = reserve(loop, body.length + frames * FRAME_OVERHEAD + 512);
    at = put_body(put_header(put_method(at, key), loop->next_tag, body.length), body, loop->frame_max);
    loop->out_end = (size_t)(at - loop->out);
    loop->slots[loop->next_tag++ % SLOTS] = (struct slot){request, false};
    request->waiting++;
}

static unsigned publish_emit(struct loop *loop, struct request *request, const struct emit *emit) {
    if (loop->next_tag - loop->first_tag + ROOMS_LIMIT > SLOTS || loop->out_end - loop->out_start > OUT_LIMIT)
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    if (!emit->rooms) {
        publish(loop, request, emit, LITERAL(EVERYONE), (struct span){"", 0});
        return 0;
    }
    const char *cursor = emit->rooms_text.start + 1, *first = skip_separators(cursor);
    struct span before = {first, 0};  // the rooms before this one, as they stand in the text
    for (size_t i = 0; i < json_array_size(emit->rooms); i++) {
        json_t *room = json_array_get(emit->rooms, i);
        struct span key = {json_string_value(room), json_string_length(room)};
        publish(loop, request, emit, key, before);
        next_value(&cursor);
        before.length = (size_t)(cursor - first);
    }
    return 0;
}

static unsigned handle(struct loop *loop, struct request *request) {
    if (request->length > BODY_LIMIT) return MHD_HTTP_CONTENT_TOO_LARGE;
    json_t *root = json_loadb(request->body, request->length, JSON_REJECT_DUPLICATES, NULL);
    struct emit emit;
    unsigned status = MHD_HTTP_BAD_REQUEST;
    if (root && read_emit(root, request->body, &emit)) status = publish_emit(loop, request, &emit);
    json_decref(root);
    arena_used = 0;
    return status;
}

static void flush(struct loop *loop) {
    size_t length = loop->out_end - loop->out_start;
    if (length == 0) return;
    ssize_t sent = send(loop->broker, loop->out + loop->out_start, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) fail("the broker connection broke");
    if (sent > 0) loop->out_start += (size_t)sent;
    if (loop->out_start == loop->out_end) loop->out_start = loop->out_end = 0;
}

static void give_back(struct loop *loop, struct request *request) {
    if (request->capacity > KEPT_BODY) request->body = allocate(request->body, request->capacity = 512);
    request->next_free = loop->free_requests;
    loop->free_requests = request;
}

// ---- Confirms

static void settle(struct loop *loop, uint64_t tag, bool acknowledged) {
    struct slot *slot = &loop->slots[tag % SLOTS];
    struct request *request = slot->request;
    if (!request) return;
    slot->request = NULL;
    if (!acknowledged) request->status = MHD_HTTP_BAD_GATEWAY;
    if (!slot->returned) request->routed = true;
    if (--request->waiting > 0) return;
    if (!request->connection) return give_back(loop, request);
    if (request->status == 0) request->status = MHD_HTTP_OK;
    loop->resumed = true;
#ifdef SUSPENDING
    MHD_resume_connection(request->connection);
#endif
}

static void settle_up_to(struct loop *loop, uint64_t tag, bool multiple, bool acknowledged) {
    if (tag >= loop->next_tag) fail("a confirm for what was never published");
    if (!multiple) {
        if (tag >= loop->first_tag) settle(loop, tag, acknowledged);
    } else {
        for (uint64_t each = loop->first_tag; each <= tag; each++) settle(loop, each, acknowledged);
    }
    while (loop->first_tag < loop->next_tag && !loop->slots[loop->first_tag % SLOTS].request) loop->first_tag++;
}

static void mark_returned(struct loop *loop) {
    if (loop->returned_tag >= loop->first_tag && loop->returned_tag < loop->next_tag)
        loop->slots[loop->returned_tag % SLOTS].returned = true;
}

// A return is a method, a header and, unless it is empty, a body; its message id is our delivery tag.
static void read_returned_header(struct loop *loop, const amqp_frame_t *frame) {
    if (!loop->in_return) return;
    const amqp_basic_properties_t *properties = frame->payload.properties.decoded;
    loop->in_return = false;
    loop->returned_tag = 0;
    if (properties->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
        for (size_t i = 0; i < properties->message_id.len; i++)
            loop->returned_tag = loop->returned_tag * 10 + (uint64_t)(((char *)properties->message_id.bytes)[i] - '0');
    loop->returned_left = frame->payload.properties.body_size;
    if (loop->returned_left == 0) mark_returned(loop);
}

static void read_returned_body(struct loop *loop, const amqp_frame_t *frame) {
    size_t length = frame->payload.body_fragment.len;
    loop->returned_left = length < loop->returned_left ? loop->returned_left - length : 0;
    if (loop->returned_left == 0) mark_returned(loop);
}

static void read_method(struct loop *loop, const amqp_method_t *method) {
    switch (method->id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = method->decoded;
        settle_up_to(loop, ack->delivery_tag, ack->multiple, true);
        break;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = method->decoded;
        settle_up_to(loop, nack->delivery_tag, nack->multiple, false);
        break;
    }
    case AMQP_BASIC_RETURN_METHOD: loop->in_return = true; break;
    case AMQP_CHANNEL_CLOSE_METHOD: fail("the broker closed the channel");
    case AMQP_CONNECTION_CLOSE_METHOD: fail("the broker closed the connection");
    default: break;
    }
}

static void read_frame(struct loop *loop, const amqp_frame_t *frame) {
    switch (frame->frame_type) {
    case AMQP_FRAME_METHOD: read_method(loop, &frame->payload.method); break;
    case AMQP_FRAME_HEADER: read_returned_header(loop, frame); break;
    case AMQP_FRAME_BODY: read_returned_body(loop, frame); break;
    default: break;
    }
}

static void receive(struct loop *loop) {
    ssize_t count;
    do {
        count = recv(loop->broker, loop->in, sizeof loop->in, MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count <= 0) fail("the broker connection ended");
        amqp_bytes_t bytes = {(size_t)count, loop->in};
        while (bytes.len > 0) {
            amqp_frame_t frame;
            int used = amqp_handle_input(loop->amqp, bytes, &frame);
            if (used < 0) fail(amqp_error_string2(used));
            bytes.bytes = (char *)bytes.bytes + used;
            bytes.len -= (size_t)used;
            if (frame.frame_type != 0) read_frame(loop, &frame);  // 0: not a whole frame yet
        }
        amqp_maybe_release_buffers(loop->amqp);
    } while (count == sizeof loop->in);  // a short read has emptied the socket
}

// ---- HTTP

static struct request *take_request(struct loop *loop, struct MHD_Connection *connection) {
    struct request *request = loop->free_requests;
    if (request) {
        loop->free_requests = request->next_free;
    } else {
        request = allocate(NULL, sizeof *request);
        request->body = allocate(NULL, request->capacity = 512);
    }
    request->connection = connection;
    request->length = 0;
    request->waiting = request->status = 0;
    request->routed = request->handled = false;
    return request;
}

static void collect(struct request *request, const char *data, size_t size) {
    if (request->length + size <= BODY_LIMIT) {
        while (request->length + size > request->capacity)
            request->body = allocate(request->body, request->capacity *= 2);
        memcpy(request->body + request->length, data, size);
    }
    request->length += size;
}

static enum MHD_Result answer(struct loop *loop, struct request *request) {
    char request_id[27] = "";
    struct span body = LITERAL("{\"error\":true}\n");
    if (request->status == MHD_HTTP_OK) {
        char *at = put(request->answer, LITERAL("{\"id\":\""));
        write_identifier(&loop->identifiers, at);
        at = put(at + 26, LITERAL("\",\"status\":\"confirmed\",\"routed\":"));
        at = put(at, request->routed ? LITERAL("true}\n") : LITERAL("false}\n"));
        body = (struct span){request->answer, (size_t)(at - request->answer)};
    }
    write_identifier(&loop->identifiers, request_id);
    // Persistent: the request outlives its response.
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.length, (void *)body.start, MHD_RESPMEM_PERSISTENT);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "X-Request-Id", request_id);
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(
    void *context, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
    const char *data, size_t *size, void **slot) {
    (void)url, (void)method, (void)version;
    struct loop *loop = context;
    struct request *request = *slot;
    if (!request) {
        *slot = take_request(loop, connection);
        return MHD_YES;
    }
    if (*size > 0) {
        collect(request, data, *size);
        *size = 0;
        return MHD_YES;
    }
    bool is_first = !request->handled;
    if (is_first) request->status = handle(loop, request);
    request->handled = true;
#ifdef SUSPENDING
    if (request->waiting == 0) return answer(loop, request);
    if (is_first) MHD_suspend_connection(connection);
#else
    if (request->waiting == 0) {
        if (!is_first) loop->polled--;
        loop->resumed = true;  // an answer to a call that nothing was read for is sent in the next run
        return answer(loop, request);
    }
    if (is_first) loop->polled++;
#endif
    return MHD_YES;
}

static void on_completed(
    void *context, struct MHD_Connection *connection, void **slot, enum MHD_RequestTerminationCode code) {
    (void)connection, (void)code;
    struct loop *loop = context;
    struct request *request = *slot;
    if (!request) return;
    *slot = NULL;
    if (request->waiting == 0) return give_back(loop, request);
    // The client has left before its confirms came: `settle` gives it back.
    request->connection = NULL;
    loop->polled--;
}

// ---- A loop

_Noreturn static void *run(void *context) {
    struct loop *loop = context;
#ifndef SUSPENDING
    const struct sched_param priority = {0};
    sched_setscheduler(0, SCHED_BATCH, &priority);  // as the gateway's loops
#endif
    for (;;) {
        MHD_UNSIGNED_LONG_LONG milliseconds;
        int timeout = -1;
        if (loop->resumed) timeout = 0;
        else if (loop->polled > 0) timeout = POLLED_RUN;  // MHD_get_timeout would say 0 as long as there are any
        else if (MHD_get_timeout(loop->daemon, &milliseconds) == MHD_YES)
            timeout = milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
        short wanted = loop->out_end > loop->out_start ? POLLIN | POLLOUT : POLLIN;
        struct pollfd ready[] = {{.fd = loop->http, .events = POLLIN}, {.fd = loop->broker, .events = wanted}};
        int count = poll(ready, 2, timeout);
        advance_clock(&loop->identifiers);
        if (ready[1].revents & ~POLLOUT) receive(loop);
        if (count == 0 || timeout == 0 || ready[0].revents || loop->resumed) {
            loop->resumed = false;
            MHD_run(loop->daemon);
        }
        flush(loop);
    }
}

static void connect_broker(struct loop *loop, const char *url) {
    struct amqp_connection_info info;
    char *text = strdup(url);
    if (!text || amqp_parse_url(text, &info) != AMQP_STATUS_OK || info.ssl) fail("not an amqp:// URL");
    loop->amqp = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(loop->amqp);
    if (!socket || amqp_socket_open(socket, info.host, info.port) != AMQP_STATUS_OK) fail("no broker there");
    amqp_rpc_reply_t reply = amqp_login(
        loop->amqp, *info.vhost ? info.vhost : "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, info.user,
        info.password);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("the broker refused the log-in");
    if (!amqp_channel_open(loop->amqp, CHANNEL)) fail("the broker refused a channel");
    if (!amqp_confirm_select(loop->amqp, CHANNEL)) fail("the broker refused confirms");
    amqp_maybe_release_buffers(loop->amqp);
    loop->broker = amqp_get_sockfd(loop->amqp);
    loop->frame_max = (size_t)amqp_get_frame_max(loop->amqp);
    free(text);
}

static int listening_socket(uint16_t port) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) != 0 || listen(descriptor, SOMAXCONN) != 0)
        fail("cannot listen on that port");
    return descriptor;
}

static struct loop *new_loop(const char *url) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) fail("out of memory");
    loop->first_tag = loop->next_tag = 1;
    loop->out = allocate(NULL, loop->out_capacity = 64 << 10);
    if (getrandom(&loop->identifiers.random, sizeof loop->identifiers.random, 0) < 0) fail("no random numbers");
    connect_broker(loop, url);
    return loop;
}

static void listen_on(struct loop *loop, uint16_t port) {
    loop->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, loop,
        MHD_OPTION_LISTEN_SOCKET, listening_socket(port), MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_INACTIVITY,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (!loop->daemon) fail("libmicrohttpd does not start");
    loop->http = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static int core_count(void) {
    cpu_set_t cores;
    return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

int main(int argc, char **argv) {
    if (argc != 3) fail("usage: ceiling PORT AMQP-URL");
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    signal(SIGPIPE, SIG_IGN);
    json_object_seed(0);
    json_set_alloc_funcs(arena_allocate, arena_free);
    int count = core_count();
    struct loop *loops[count];
    pthread_t threads[count];
    for (int i = 0; i < count; i++) loops[i] = new_loop(argv[2]);
    // All are connected before the first client is.
    for (int i = 0; i < count; i++) listen_on(loops[i], (uint16_t)atoi(argv[1]));
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, run, loops[i]) != 0) fail("no thread");
    for (int i = 0; i < count; i++) pthread_join(threads[i], NULL);
}
