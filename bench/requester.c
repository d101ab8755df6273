// The round trip of one question after the other, as a client in C sees it: bare, by librabbitmq and direct reply-to, or through the gateway.
//
//     requester [-t SECONDS [-u WARM-UP] | -n QUESTIONS] amqp AMQP-URL EXCHANGE KEY EXPIRATION ID QUESTION
//     requester [-t SECONDS [-u WARM-UP] | -n QUESTIONS] http PORT PATH
//
// QUESTION is a file with the question, in which ID stands for its id; every question gets another one of the same length. What comes
// on standard output is the first answer, and the figures in JSON on a line of their own. Every answer must be the first one, but for the id; anything
// else, and any failure, ends the program.

#define _GNU_SOURCE
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHANNEL = 1, ID_LENGTH = 32, LARGEST_ANSWER = 1 << 20 };
#define REPLY_TO "amq.rabbitmq.reply-to"

struct asker {
    // Returns an answer, which is valid until the next question.
    amqp_bytes_t (*ask)(struct asker *);
    char id[ID_LENGTH + 1];  // of this question
    // Over AMQP.
    amqp_connection_state_t amqp;
    const char *exchange, *key, *expiration;
    char *question;
    size_t id_places[8], id_count;
    amqp_envelope_t envelope;
    bool has_envelope;
    // Over HTTP.
    int socket;
    char *request, *response;
};

_Noreturn static void fail(const char *what) {
    fprintf(stderr, "requester: %s\n", what);
    exit(1);
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (!memory) fail("out of memory");
    return memory;
}

static void check(amqp_rpc_reply_t reply, const char *what) {
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail(what);
}

// ---- Over AMQP

static void connect_broker(struct asker *asker, const char *url) {
    struct amqp_connection_info info;
    char *text = strdup(url);
    if (!text || amqp_parse_url(text, &info) != AMQP_STATUS_OK || info.ssl) fail("not an amqp:// URL");
    asker->amqp = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(asker->amqp);
    if (!socket || amqp_socket_open(socket, info.host, info.port) != AMQP_STATUS_OK) fail("no broker there");
    check(
        amqp_login(
            asker->amqp, *info.vhost ? info.vhost : "/", 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, info.user,
            info.password),
        "the broker refused the log-in");
    if (!amqp_channel_open(asker->amqp, CHANNEL)) fail("the broker refused a channel");
    if (!amqp_basic_consume(
            asker->amqp, CHANNEL, amqp_cstring_bytes(REPLY_TO), amqp_empty_bytes, false, true, false, amqp_empty_table))
        fail("the broker refused direct reply-to");
    free(text);
}

static void read_question(struct asker *asker, const char *path, const char *id) {
    FILE *file = fopen(path, "r");
    size_t capacity = 0;
    if (!file || getdelim(&asker->question, &capacity, '\0', file) <= 0) fail("cannot read the question");
    fclose(file);
    if (strlen(id) != ID_LENGTH) fail("an id has 32 characters");
    for (char *place = asker->question; (place = strstr(place, id)); place += ID_LENGTH) {
        if (asker->id_count == sizeof asker->id_places / sizeof *asker->id_places) fail("too many ids in the question");
        asker->id_places[asker->id_count++] = (size_t)(place - asker->question);
    }
    if (asker->id_count == 0) fail("the question has no id");
}

static void publish(struct asker *asker) {
    for (size_t i = 0; i < asker->id_count; i++) memcpy(asker->question + asker->id_places[i], asker->id, ID_LENGTH);
    amqp_bytes_t id = {ID_LENGTH, asker->id};
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_REPLY_TO_FLAG |
                  AMQP_BASIC_EXPIRATION_FLAG,
        .correlation_id = id,
        .message_id = id,
        .reply_to = amqp_cstring_bytes(REPLY_TO),
        .expiration = amqp_cstring_bytes(asker->expiration)};
    int status = amqp_basic_publish(
        asker->amqp, CHANNEL, amqp_cstring_bytes(asker->exchange), amqp_cstring_bytes(asker->key), true, false, &properties,
        amqp_cstring_bytes(asker->question));
    if (status != AMQP_STATUS_OK) fail(amqp_error_string2(status));
}

static amqp_bytes_t ask_server(struct asker *asker) {
    if (asker->has_envelope) amqp_destroy_envelope(&asker->envelope);
    amqp_maybe_release_buffers(asker->amqp);
    publish(asker);
    struct timeval patience = {.tv_sec = 10};
    check(amqp_consume_message(asker->amqp, &asker->envelope, &patience, 0), "the server does not answer");
    asker->has_envelope = true;
    amqp_bytes_t id = asker->envelope.message.properties.correlation_id;
    if (id.len != ID_LENGTH || memcmp(id.bytes, asker->id, ID_LENGTH) != 0) fail("the answer to another question");
    return asker->envelope.message.body;
}

// ---- Through the gateway

static void connect_gateway(struct asker *asker, const char *port, const char *path) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    asker->socket = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;
    struct timeval patience = {.tv_sec = 10};
    if (asker->socket < 0 || connect(asker->socket, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(asker->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(asker->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
        fail("no gateway there");
    if (asprintf(&asker->request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", path, port) < 0) fail("out of memory");
    asker->response = allocate(LARGEST_ANSWER, 1);
}

// The bytes that the whole response has; 0: nobody knows yet. Its body begins at *body.
static size_t response_length(const char *response, size_t *body) {
    const char *end = strstr(response, "\r\n\r\n");
    if (!end) return 0;
    if (strncmp(response, "HTTP/1.1 200 ", 13) != 0) fail(response);
    const char *length = strcasestr(response, "\r\nContent-Length:");
    if (!length || length > end) fail("a response without a length");
    *body = (size_t)(end + 4 - response);
    return *body + (size_t)atol(length + strlen("\r\nContent-Length:"));
}

static amqp_bytes_t ask_gateway(struct asker *asker) {
    size_t size = strlen(asker->request), count = 0, whole = 0, body = 0;
    if (send(asker->socket, asker->request, size, MSG_NOSIGNAL) != (ssize_t)size) fail("the gateway takes no question");
    while (whole == 0 || count < whole) {
        ssize_t some = recv(asker->socket, asker->response + count, LARGEST_ANSWER - 1 - count, 0);
        if (some <= 0) fail("the gateway does not answer");
        count += (size_t)some;
        asker->response[count] = '\0';
        whole = response_length(asker->response, &body);
    }
    if (count > whole) fail("more than an answer");
    return (amqp_bytes_t){whole - body, asker->response + body};
}

// ---- Measuring

struct figures {
    double *microseconds;
    size_t count, capacity;
    double cpu_seconds;
};

static double seconds_of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void note(struct figures *figures, double microseconds) {
    if (figures->count == figures->capacity) {
        figures->capacity = figures->capacity ? 2 * figures->capacity : 65536;
        figures->microseconds = realloc(figures->microseconds, figures->capacity * sizeof(double));
        if (!figures->microseconds) fail("out of memory");
    }
    figures->microseconds[figures->count++] = microseconds;
}

// Where the id stands in an answer there is zero instead.
static void hide_id(const struct asker *asker, char *answer) {
    for (char *place = answer; *asker->id && (place = strstr(place, asker->id)); place += ID_LENGTH)
        memset(place, '0', ID_LENGTH);
}

static char *text_of(const struct asker *asker, amqp_bytes_t answer) {
    char *text = strndup(answer.bytes, answer.len);
    if (!text) fail("out of memory");
    hide_id(asker, text);
    return text;
}

// - Parameter first: what every answer must be; NULL until there is one.
static double ask_once(struct asker *asker, uint64_t number, char **first) {
    if (asker->question) snprintf(asker->id, sizeof asker->id, "%016x%016llx", (unsigned)getpid(), (unsigned long long)number);
    double start = now();
    amqp_bytes_t answer = asker->ask(asker);
    double end = now();
    char *text = text_of(asker, answer);
    if (!*first) {
        *first = text;
    } else {
        if (strcmp(text, *first) != 0) fail("an answer that is not as the first one");
        free(text);
    }
    return (end - start) * 1e6;
}

static int compare(const void *a, const void *b) {
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static void report(const char *first, struct figures *figures) {
    qsort(figures->microseconds, figures->count, sizeof(double), compare);
    double sum = 0;
    for (size_t i = 0; i < figures->count; i++) sum += figures->microseconds[i];
    double count = (double)figures->count;
    printf(
        "%s\n{\"questions\": %zu, \"p50\": %.2f, \"p99\": %.2f, \"mean\": %.2f, \"client\": %.2f}\n", first, figures->count,
        figures->microseconds[figures->count / 2], figures->microseconds[figures->count * 99 / 100], sum / count,
        figures->cpu_seconds * 1e6 / count);
}

static void measure(struct asker *asker, long seconds, long warm_up, long questions) {
    struct figures figures = {0};
    char *first = NULL;
    uint64_t number = 0;
    if (!questions)
        for (double end = now() + (double)warm_up; now() < end;) ask_once(asker, number++, &first);
    double end = now() + (double)seconds, before = cpu_seconds();
    while (questions ? figures.count < (size_t)questions : figures.count == 0 || now() < end)
        note(&figures, ask_once(asker, number++, &first));
    figures.cpu_seconds = cpu_seconds() - before;
    report(first, &figures);
}

// ---- The command line

static long number(const char *text, long least) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < least) fail("an option is not a number, or is too small");
    return value;
}

int main(int argc, char **argv) {
    long seconds = 5, warm_up = 1, questions = 0;
    for (int option; (option = getopt(argc, argv, "+t:u:n:")) >= 0;) {
        switch (option) {
        case 't': seconds = number(optarg, 1); break;
        case 'u': warm_up = number(optarg, 0); break;
        case 'n': questions = number(optarg, 1); break;
        default: exit(2);
        }
    }
    struct asker asker = {0};
    char **words = argv + optind;
    int count = argc - optind;
    if (count == 7 && strcmp(words[0], "amqp") == 0) {
        asker.ask = ask_server;
        asker.exchange = words[2];
        asker.key = words[3];
        asker.expiration = words[4];
        read_question(&asker, words[6], words[5]);
        connect_broker(&asker, words[1]);
    } else if (count == 3 && strcmp(words[0], "http") == 0) {
        asker.ask = ask_gateway;
        connect_gateway(&asker, words[1], words[2]);
    } else {
        fail("usage: requester [OPTIONS] amqp URL EXCHANGE KEY EXPIRATION ID QUESTION | http PORT PATH");
    }
    measure(&asker, seconds, warm_up, questions);
}
