#include "CTLS.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

// When a process ends, a thread may still be connecting: what OpenSSL would take away at that moment from under it ends with the
// process anyway. This counts only if it is said before anybody uses OpenSSL.
__attribute__((constructor)) static void keep_all_to_the_end(void) { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL); }

// A call of OpenSSL goes on for as long as there are messages in which nothing is for us: HelloRequests, tickets, key updates.
// So a call reads at most this, far more than a record; then it hears that there is nothing for the moment.
enum { most_bytes_of_a_call = 1 << 18 };

struct socket_state {
    int descriptor;
    int bytes_left;
};

static struct socket_state *state_of(BIO *bio) { return BIO_get_data(bio); }

static int is_transient(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

static int socket_write(BIO *bio, const char *bytes, int count) {
    BIO_clear_retry_flags(bio);
    ssize_t written = send(state_of(bio)->descriptor, bytes, (size_t)count, MSG_NOSIGNAL);
    if (written < 0 && is_transient()) BIO_set_retry_write(bio);
    return (int)written;
}

static int socket_read(BIO *bio, char *bytes, int count) {
    BIO_clear_retry_flags(bio);
    struct socket_state *state = state_of(bio);
    if (state->bytes_left <= 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    ssize_t received = recv(state->descriptor, bytes, (size_t)count, 0);
    if (received > 0) state->bytes_left -= (int)received;
    if (received < 0 && is_transient()) BIO_set_retry_read(bio);
    if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)received;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
    (void)number, (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default: return 0;
    }
}

static int socket_destroy(BIO *bio) {
    free(BIO_get_data(bio));
    BIO_set_data(bio, NULL);
    return 1;
}

// Made once and kept for as long as the process lives.
static BIO_METHOD *method;
static pthread_once_t method_is_made = PTHREAD_ONCE_INIT;

static void make_method(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "socket without signals");
    if (method == NULL) return;
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_ctrl(method, socket_control);
    BIO_meth_set_destroy(method, socket_destroy);
}

BIO *gateway_tls_socket(int descriptor) {
    pthread_once(&method_is_made, make_method);
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (bio == NULL) return NULL;
    struct socket_state *state = malloc(sizeof *state);
    if (state == NULL) {
        BIO_free(bio);
        return NULL;
    }
    *state = (struct socket_state){.descriptor = descriptor, .bytes_left = most_bytes_of_a_call};
    BIO_set_data(bio, state);
    BIO_set_init(bio, 1);
    return bio;
}

void gateway_tls_begin_call(SSL *session) { state_of(SSL_get_rbio(session))->bytes_left = most_bytes_of_a_call; }

int gateway_tls_demand_version(SSL_CTX *context) { return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION); }

int gateway_tls_ask_for(SSL *session, const char *host) { return (int)SSL_set_tlsext_host_name(session, host); }

void gateway_tls_write_in_parts(SSL *session) {
    SSL_set_mode(session, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

static int no_passphrase(char *buffer, int size, int is_for_writing, void *context) {
    (void)buffer, (void)size, (void)is_for_writing, (void)context;
    return -1;
}

void gateway_tls_ask_for_no_passphrase(SSL_CTX *context) { SSL_CTX_set_default_passwd_cb(context, no_passphrase); }
