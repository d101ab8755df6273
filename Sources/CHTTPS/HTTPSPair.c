#include "CHTTPS.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// As in CMicrohttpd/shim.h.
static const char *const priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

enum { most_certificates = 16 };

struct gateway_https_pair {
    gnutls_pcert_st certificates[most_certificates];
    unsigned int count;
    gnutls_privkey_t key;
    long begins, ends;
};

static _Atomic(struct gateway_https_pair *) served;

static int read_certificates(struct gateway_https_pair *pair, const gnutls_datum_t *pem) {
    gnutls_x509_crt_t *list = NULL;
    unsigned int count = 0;
    int code = gnutls_x509_crt_list_import2(&list, &count, pem, GNUTLS_X509_FMT_PEM, 0);
    if (code < 0) return code;
    pair->begins = gnutls_x509_crt_get_activation_time(list[0]);
    pair->ends = gnutls_x509_crt_get_expiration_time(list[0]);
    for (unsigned int i = 0; i < count; i++) {
        if (code >= 0 && i < most_certificates) {
            code = gnutls_pcert_import_x509(&pair->certificates[i], list[i], 0);
            if (code >= 0) pair->count = i + 1;
        }
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return count > most_certificates ? GNUTLS_E_SHORT_MEMORY_BUFFER : code;
}

static int read_key(struct gateway_https_pair *pair, const gnutls_datum_t *pem) {
    int code = gnutls_privkey_init(&pair->key);
    return code < 0 ? code : gnutls_privkey_import_x509_raw(pair->key, pem, GNUTLS_X509_FMT_PEM, NULL, 0);
}

// Whether the key is that of the first certificate.
static int belong_together(const struct gateway_https_pair *pair) {
    gnutls_pubkey_t key;
    if (gnutls_pubkey_init(&key) < 0) return 0;
    unsigned char own[64], named[64];
    size_t own_size = sizeof own, named_size = sizeof named;
    int is_equal = gnutls_pubkey_import_privkey(key, pair->key, 0, 0) >= 0
        && gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, own, &own_size) >= 0
        && gnutls_pubkey_get_key_id(pair->certificates[0].pubkey, GNUTLS_KEYID_USE_SHA256, named, &named_size) >= 0
        && own_size == named_size && memcmp(own, named, own_size) == 0;
    gnutls_pubkey_deinit(key);
    return is_equal;
}

static int hand_out(
    struct gateway_https_pair *pair, gnutls_pcert_st **certificates, unsigned int *certificate_count,
    gnutls_privkey_t *key) {
    if (pair == NULL) return -1;
    *certificates = pair->certificates;
    *certificate_count = pair->count;
    *key = pair->key;
    return 0;
}

static int retrieve_of_session(
    gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **certificates,
    unsigned int *certificate_count, gnutls_privkey_t *key) {
    (void)authorities, (void)authority_count, (void)algorithms, (void)algorithm_count;
    return hand_out(gnutls_session_get_ptr(session), certificates, certificate_count, key);
}

// A handshake with ourselves. 0: it is done; otherwise the code of who gave up.
static int shake_hands(gnutls_session_t server, gnutls_session_t client) {
    int is_server_done = 0, is_client_done = 0;
    // Each turn is a flight of messages at least; there are at most five.
    for (int turn = 0; turn < 32 && !(is_server_done && is_client_done); turn++) {
        int *is_done = turn % 2 == 0 ? &is_client_done : &is_server_done;
        if (*is_done) continue;
        int code = gnutls_handshake(turn % 2 == 0 ? client : server);
        if (code < 0 && gnutls_error_is_fatal(code)) return code;
        *is_done = code == 0;
    }
    return is_server_done && is_client_done ? 0 : GNUTLS_E_TIMEDOUT;
}

// Whether a client that believes everybody gets in with it. Not every certificate is one for servers, and GnuTLS says so
// to nobody but the client.
static int try_out(struct gateway_https_pair *pair) {
    int ends[2];
    // What nobody can tell is no reason to refuse it.
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return 0;
    int code = 0;
    gnutls_certificate_credentials_t credentials = NULL;
    gnutls_session_t server = NULL;
    gnutls_session_t client = gateway_https_client(ends[1]);
    if (client != NULL && gnutls_certificate_allocate_credentials(&credentials) >= 0
        && gnutls_init(&server, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) >= 0) {
        gnutls_certificate_set_retrieve_function2(credentials, retrieve_of_session);
        gnutls_session_set_ptr(server, pair);
        gnutls_priority_set_direct(server, priorities, NULL);
        gnutls_priority_set_direct(client, priorities, NULL);
        gnutls_credentials_set(server, GNUTLS_CRD_CERTIFICATE, credentials);
        gnutls_transport_set_int(server, ends[0]);
        code = shake_hands(server, client);
    }
    if (server != NULL) gnutls_deinit(server);
    if (credentials != NULL) gnutls_certificate_free_credentials(credentials);
    if (client != NULL) gateway_https_client_free(client);
    close(ends[0]);
    close(ends[1]);
    return code;
}

static const char *why_no_certificate(int code) {
    switch (code) {
    case GNUTLS_E_NO_CERTIFICATE_FOUND:
    case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR: return "there is no certificate (PEM) in it";
    case GNUTLS_E_SHORT_MEMORY_BUFFER: return "there are more than 16 certificates in it";
    default: return gnutls_strerror(code);
    }
}

static const char *why_no_key(int code) {
    switch (code) {
    case GNUTLS_E_BASE64_UNEXPECTED_HEADER_ERROR:
    case GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE: return "there is no key (PEM) in it";
    case GNUTLS_E_DECRYPTION_FAILED: return "its key has a passphrase, which nobody could be asked for";
    default: return gnutls_strerror(code);
    }
}

struct gateway_https_pair *gateway_https_pair_read(
    const void *certificate, size_t certificate_size, const char *certificate_name, const void *key, size_t key_size,
    const char *key_name, char *reason, size_t size) {
    struct gateway_https_pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) return NULL;
    gnutls_datum_t certificate_pem = {(unsigned char *)certificate, (unsigned int)certificate_size};
    gnutls_datum_t key_pem = {(unsigned char *)key, (unsigned int)key_size};
    int code = read_certificates(pair, &certificate_pem);
    if (code < 0) {
        snprintf(reason, size, "%s: %s", certificate_name, why_no_certificate(code));
    } else if ((code = read_key(pair, &key_pem)) < 0) {
        snprintf(reason, size, "%s: %s", key_name, why_no_key(code));
    } else if (!belong_together(pair)) {
        snprintf(reason, size, "the key in %s is not that of the first certificate in %s", key_name, certificate_name);
    } else if ((code = try_out(pair)) < 0) {
        snprintf(reason, size, "no client can use the certificate in %s: %s", certificate_name, gnutls_strerror(code));
    } else {
        return pair;
    }
    gateway_https_pair_free(pair);
    return NULL;
}

void gateway_https_pair_free(struct gateway_https_pair *pair) {
    for (unsigned int i = 0; i < pair->count; i++) gnutls_pcert_deinit(&pair->certificates[i]);
    if (pair->key != NULL) gnutls_privkey_deinit(pair->key);
    free(pair);
}

long gateway_https_pair_begins(const struct gateway_https_pair *pair) { return pair->begins; }
long gateway_https_pair_ends(const struct gateway_https_pair *pair) { return pair->ends; }

void gateway_https_pair_serve(struct gateway_https_pair *pair) { atomic_store(&served, pair); }

static int retrieve(
    gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **certificates,
    unsigned int *certificate_count, gnutls_privkey_t *key) {
    (void)session, (void)authorities, (void)authority_count, (void)algorithms, (void)algorithm_count;
    return hand_out(atomic_load(&served), certificates, certificate_count, key);
}

void *gateway_https_retrieval(void) {
    gnutls_certificate_retrieve_function2 *function = retrieve;
    return (void *)function;
}
