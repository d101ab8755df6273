// What a C program on librabbitmq does at the most: publishes ready-made bodies as the gateway publishes them (mandatory, with a
// message id), and waits for the confirms. A turn: publish what fits into the window, in one send(), and read the confirms that
// have come. amqp_basic_publish would send each message by itself, in three system calls. No HTTP, no JSON.
//
//     publisher [-c CONNECTIONS] [-w WINDOW] [-n MESSAGES | -t SECONDS [-u WARM-UP]] AMQP-URL ROUTING-KEY BODIES
//
// BODIES is a file with a body a line; every connection goes through it in order, again and again. Each connection has a
// thread and at most WINDOW messages that are not confirmed. -n publishes that many in all and ends when the last is
// settled; -t measures for so long, after a warm-up. The figures are one line of JSON on standard output. Any failure of
// the broker ends the program.

#define _GNU_SOURCE
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHANNEL = 1, FRAME_OVERHEAD = 8 };
#define EXCHANGE "socket.io"

struct bodies {
    amqp_bytes_t *all;
    size_t count;
};

struct options {
    long connections, window, messages, seconds, warm_up;  // messages 0: as many as fit into the seconds
    const char *url, *key;
    struct bodies bodies;
};

struct slot {
    bool settled, returned;
};

struct publisher {
    const struct options *options;
    amqp_connection_state_t amqp;
    size_t frame_max;
    char *out;                      // what this turn has published: out_length bytes
    size_t out_length, out_capacity;
    struct slot *slots;             // of tag: slots[tag % window]
    uint64_t first_tag, next_tag;   // unsettled ones are in first_tag..<next_tag
    uint64_t last_tag;              // after which no more are published
    pthread_t thread;
    _Alignas(64) _Atomic uint64_t confirmed;  // read by the main thread, too; those returned are among them
    _Atomic uint64_t refused, returned;
};

static atomic_bool stopping;

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "publisher: %s\n", what);
    exit(1);
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) fail("out of memory");
    return memory;
}

// The only writer is the publisher's thread.
static void count_up(_Atomic uint64_t *counter) {
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

// ---- Publishing

static char *put(char *at, amqp_bytes_t bytes) { return mempcpy(at, bytes.bytes, bytes.len); }

static char *put16(char *at, uint16_t value) {
    value = htons(value);
    return mempcpy(at, &value, 2);
}

static char *put32(char *at, uint32_t value) {
    value = htonl(value);
    return mempcpy(at, &value, 4);
}

static char *put_short_string(char *at, amqp_bytes_t text) {
    *at++ = (char)text.len;
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

static char *put_method(char *at, amqp_bytes_t exchange, amqp_bytes_t key) {
    at = begin_frame(at, AMQP_FRAME_METHOD, 2 + 2 + 2 + 1 + exchange.len + 1 + key.len + 1);
    at = put16(put32(at, AMQP_BASIC_PUBLISH_METHOD), 0);
    at = put_short_string(put_short_string(at, exchange), key);
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
    return end_frame(put_short_string(at, (amqp_bytes_t){count, digits + sizeof digits - count}));
}

static char *put_body(char *at, amqp_bytes_t body, size_t frame_max) {
    while (body.len > 0) {
        amqp_bytes_t part = body;
        if (part.len > frame_max - FRAME_OVERHEAD) part.len = frame_max - FRAME_OVERHEAD;
        at = end_frame(put(begin_frame(at, AMQP_FRAME_BODY, part.len), part));
        body.bytes = (char *)body.bytes + part.len;
        body.len -= part.len;
    }
    return at;
}

static char *reserve(struct publisher *publisher, size_t size) {
    size_t least = publisher->out_length + size;
    if (least > publisher->out_capacity) {
        publisher->out_capacity = 2 * least;
        publisher->out = realloc(publisher->out, publisher->out_capacity);
        if (!publisher->out) fail("out of memory");
    }
    return publisher->out + publisher->out_length;
}

static void publish(struct publisher *publisher) {
    const struct options *options = publisher->options;
    uint64_t tag = publisher->next_tag++;
    publisher->slots[tag % (uint64_t)options->window] = (struct slot){false, false};
    amqp_bytes_t body = options->bodies.all[(tag - 1) % options->bodies.count];
    size_t frames = body.len / (publisher->frame_max - FRAME_OVERHEAD) + 1;
    char *at = reserve(publisher, body.len + frames * FRAME_OVERHEAD + 1024);
    at = put_method(at, amqp_cstring_bytes(EXCHANGE), amqp_cstring_bytes(options->key));
    at = put_body(put_header(at, tag, body.len), body, publisher->frame_max);
    publisher->out_length = (size_t)(at - publisher->out);
}

static void flush(struct publisher *publisher) {
    int broker = amqp_get_sockfd(publisher->amqp);
    for (size_t start = 0; start < publisher->out_length;) {
        ssize_t sent = send(broker, publisher->out + start, publisher->out_length - start, MSG_NOSIGNAL);
        if (sent >= 0) {
            start += (size_t)sent;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = broker, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            fail("the broker connection broke");
        }
    }
    publisher->out_length = 0;
}

// ---- Confirms and returns

static struct slot *slot_of(struct publisher *publisher, uint64_t tag) {
    return &publisher->slots[tag % (uint64_t)publisher->options->window];
}

static void settle(struct publisher *publisher, uint64_t tag, bool acknowledged) {
    struct slot *slot = slot_of(publisher, tag);
    if (slot->settled) return;
    slot->settled = true;
    count_up(acknowledged ? &publisher->confirmed : &publisher->refused);
    if (slot->returned) count_up(&publisher->returned);
}

static void settle_up_to(struct publisher *publisher, uint64_t tag, bool multiple, bool acknowledged) {
    if (tag == 0 && multiple) tag = publisher->next_tag - 1;  // AMQP 0-9-1: all that are outstanding
    if (tag >= publisher->next_tag) fail("a confirm for what was never published");
    if (multiple) {
        for (uint64_t each = publisher->first_tag; each <= tag; each++) settle(publisher, each, acknowledged);
    } else if (tag >= publisher->first_tag) {
        settle(publisher, tag, acknowledged);
    }
    while (publisher->first_tag < publisher->next_tag && slot_of(publisher, publisher->first_tag)->settled)
        publisher->first_tag++;
}

// A return comes before the confirm of its message; the message id is our delivery tag.
static void read_returned(struct publisher *publisher) {
    amqp_message_t message;
    amqp_rpc_reply_t reply = amqp_read_message(publisher->amqp, CHANNEL, &message, 0);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("a returned message is not whole");
    uint64_t tag = 0;
    if (message.properties._flags & AMQP_BASIC_MESSAGE_ID_FLAG)
        for (size_t i = 0; i < message.properties.message_id.len; i++)
            tag = tag * 10 + (uint64_t)(((char *)message.properties.message_id.bytes)[i] - '0');
    amqp_destroy_message(&message);
    if (tag < publisher->first_tag || tag >= publisher->next_tag) fail("a return of what is not under way");
    slot_of(publisher, tag)->returned = true;
}

static void read_frame(struct publisher *publisher) {
    amqp_frame_t frame;
    int status = amqp_simple_wait_frame(publisher->amqp, &frame);
    if (status != AMQP_STATUS_OK) fail(amqp_error_string2(status));
    if (frame.frame_type != AMQP_FRAME_METHOD) return;
    switch (frame.payload.method.id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = frame.payload.method.decoded;
        settle_up_to(publisher, ack->delivery_tag, ack->multiple, true);
        break;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = frame.payload.method.decoded;
        settle_up_to(publisher, nack->delivery_tag, nack->multiple, false);
        break;
    }
    case AMQP_BASIC_RETURN_METHOD: read_returned(publisher); break;
    case AMQP_CHANNEL_CLOSE_METHOD: fail("the broker closed the channel");
    case AMQP_CONNECTION_CLOSE_METHOD: fail("the broker closed the connection");
    default: break;
    }
}

// Waits for one frame, and takes those that came with it.
static void receive(struct publisher *publisher) {
    do read_frame(publisher);
    while (amqp_frames_enqueued(publisher->amqp) || amqp_data_in_buffer(publisher->amqp));
    amqp_maybe_release_buffers(publisher->amqp);
}

// ---- A connection

static void *run(void *context) {
    struct publisher *publisher = context;
    uint64_t window = (uint64_t)publisher->options->window;
    while (publisher->next_tag <= publisher->last_tag && !atomic_load_explicit(&stopping, memory_order_relaxed)) {
        while (publisher->next_tag - publisher->first_tag < window && publisher->next_tag <= publisher->last_tag)
            publish(publisher);
        flush(publisher);
        receive(publisher);
    }
    while (publisher->first_tag < publisher->next_tag) receive(publisher);
    return NULL;
}

static amqp_connection_state_t connect_broker(const char *url) {
    struct amqp_connection_info info;
    char *text = strdup(url);
    if (!text || amqp_parse_url(text, &info) != AMQP_STATUS_OK || info.ssl) fail("not an amqp:// URL");
    amqp_connection_state_t amqp = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(amqp);
    if (!socket || amqp_socket_open(socket, info.host, info.port) != AMQP_STATUS_OK) fail("no broker there");
    amqp_rpc_reply_t reply = amqp_login(
        amqp, *info.vhost ? info.vhost : "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, info.user,
        info.password);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail("the broker refused the log-in");
    if (!amqp_channel_open(amqp, CHANNEL)) fail("the broker refused a channel");
    if (!amqp_confirm_select(amqp, CHANNEL)) fail("the broker refused confirms");
    amqp_maybe_release_buffers(amqp);
    free(text);
    return amqp;
}

static struct publisher *new_publishers(const struct options *options) {
    long count = options->connections;
    size_t size = (size_t)count * sizeof(struct publisher);
    struct publisher *publishers = aligned_alloc(_Alignof(struct publisher), size);
    if (!publishers) fail("out of memory");
    memset(publishers, 0, size);
    for (long i = 0; i < count; i++) {
        publishers[i].options = options;
        publishers[i].amqp = connect_broker(options->url);
        publishers[i].frame_max = (size_t)amqp_get_frame_max(publishers[i].amqp);
        publishers[i].slots = allocate((size_t)options->window, sizeof(struct slot));
        publishers[i].first_tag = publishers[i].next_tag = 1;
        // The first ones take what does not divide evenly.
        publishers[i].last_tag =
            options->messages ? (uint64_t)(options->messages / count + (i < options->messages % count)) : UINT64_MAX;
    }
    return publishers;
}

// ---- Measuring

struct reading {
    uint64_t confirmed, refused, returned;
    double seconds, cpu_seconds;
};

static double seconds_of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

static struct reading take_reading(struct publisher *publishers, long count) {
    struct reading reading = {0};
    for (long i = 0; i < count; i++) {
        reading.confirmed += atomic_load_explicit(&publishers[i].confirmed, memory_order_relaxed);
        reading.refused += atomic_load_explicit(&publishers[i].refused, memory_order_relaxed);
        reading.returned += atomic_load_explicit(&publishers[i].returned, memory_order_relaxed);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    reading.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    reading.seconds = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    return reading;
}

static long resident_bytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) fail("cannot read /proc/self/statm");
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

// What was refused or returned at any time, also in the warm-up, is in the last reading.
static void report(const struct options *options, struct reading first, struct reading last) {
    uint64_t messages = last.confirmed - first.confirmed;
    double seconds = last.seconds - first.seconds, cpu = last.cpu_seconds - first.cpu_seconds;
    printf(
        "{\"messages\": %" PRIu64 ", \"microseconds\": %.0f, \"messages_per_second\": %.0f, "
        "\"cpu_microseconds_per_message\": %.3f, \"refused\": %" PRIu64 ", \"returned\": %" PRIu64 ", "
        "\"connections\": %ld, \"window\": %ld, \"resident_bytes\": %ld}\n",
        messages, seconds * 1e6, (double)messages / seconds, messages ? cpu * 1e6 / (double)messages : 0, last.refused,
        last.returned, options->connections, options->window, resident_bytes());
}

static void wait_seconds(long seconds) {
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) != 0) {}
}

static void measure(const struct options *options, struct publisher *publishers) {
    long count = options->connections;
    struct reading first = take_reading(publishers, count), last;
    for (long i = 0; i < count; i++)
        if (pthread_create(&publishers[i].thread, NULL, run, &publishers[i]) != 0) fail("no thread");
    if (!options->messages) {
        wait_seconds(options->warm_up);
        first = take_reading(publishers, count);
        wait_seconds(options->seconds);
        last = take_reading(publishers, count);
    }
    atomic_store(&stopping, !options->messages);
    for (long i = 0; i < count; i++) pthread_join(publishers[i].thread, NULL);
    struct reading end = take_reading(publishers, count);
    if (options->messages) last = end;
    last.refused = end.refused;
    last.returned = end.returned;
    report(options, first, last);
}

// ---- The command line

static int core_count(void) {
    cpu_set_t cores;
    return sched_getaffinity(0, sizeof cores, &cores) == 0 ? CPU_COUNT(&cores) : 1;
}

static struct bodies read_bodies(const char *path) {
    struct bodies bodies = {0};
    FILE *file = fopen(path, "r");
    if (!file) fail("cannot read the bodies");
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t length; (length = getline(&line, &capacity, file)) >= 0;) {
        if (length > 0 && line[length - 1] == '\n') length--;
        bodies.all = realloc(bodies.all, (bodies.count + 1) * sizeof *bodies.all);
        char *copy = bodies.all ? strndup(line, (size_t)length) : NULL;
        if (!copy) fail("out of memory");
        bodies.all[bodies.count++] = (amqp_bytes_t){(size_t)length, copy};
    }
    free(line);
    fclose(file);
    if (bodies.count == 0) fail("no bodies");
    return bodies;
}

static long number(const char *text, long least) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < least) fail("an option is not a number, or is too small");
    return value;
}

static struct options read_options(int argc, char **argv) {
    struct options options = {.connections = core_count(), .window = 1000, .seconds = 5, .warm_up = 1};
    for (int option; (option = getopt(argc, argv, "c:w:n:t:u:")) >= 0;) {
        switch (option) {
        case 'c': options.connections = number(optarg, 1); break;
        case 'w': options.window = number(optarg, 1); break;
        case 'n': options.messages = number(optarg, 1); break;
        case 't': options.seconds = number(optarg, 1); break;
        case 'u': options.warm_up = number(optarg, 0); break;
        default: exit(2);
        }
    }
    if (argc - optind != 3)
        fail("usage: publisher [-c CONNECTIONS] [-w WINDOW] [-n MESSAGES | -t SECONDS [-u WARM-UP]] AMQP-URL KEY BODIES");
    options.url = argv[optind];
    options.key = argv[optind + 1];
    options.bodies = read_bodies(argv[optind + 2]);
    return options;
}

int main(int argc, char **argv) {
    struct options options = read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    struct publisher *publishers = new_publishers(&options);
    measure(&options, publishers);
    for (long i = 0; i < options.connections; i++) {
        amqp_connection_close(publishers[i].amqp, AMQP_REPLY_SUCCESS);
        amqp_destroy_connection(publishers[i].amqp);
    }
}
