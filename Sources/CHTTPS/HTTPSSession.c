#include "CHTTPS.h"

#include <gnutls/gnutls.h>
#include <stdlib.h>

size_t gateway_https_pending(void *session) { return gnutls_record_check_pending(session); }

long gateway_https_send(void *session, const void *bytes, size_t count) {
    size_t sent = 0;
    // A record takes 16 KiB at the most.
    while (sent < count) {
        ssize_t taken = gnutls_record_send(session, (const char *)bytes + sent, count - sent);
        if (taken < 0) break;
        sent += (size_t)taken;
    }
    return sent > 0 ? (long)sent : -1;
}

void gateway_https_say_goodbye(void *session) { gnutls_bye(session, GNUTLS_SHUT_WR); }

static int is_transient(ssize_t code) { return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED; }

void *gateway_https_client(int descriptor) {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    if (gnutls_certificate_allocate_credentials(&credentials) < 0) return NULL;
    if (gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
        gnutls_certificate_free_credentials(credentials);
        return NULL;
    }
    gnutls_session_set_ptr(session, credentials);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_transport_set_int(session, descriptor);
    return session;
}

void gateway_https_client_free(void *session) {
    gnutls_certificate_credentials_t credentials = gnutls_session_get_ptr(session);
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
}

int gateway_https_client_shake_hands(void *session) {
    int code = gnutls_handshake(session);
    // An alert that ends nothing, such as that of a name that is not known.
    if (code < 0 && !gnutls_error_is_fatal(code)) return gateway_https_waits;
    return code < 0 ? gateway_https_failed : 0;
}

long gateway_https_client_receive(void *session, void *bytes, size_t count) {
    ssize_t received = gnutls_record_recv(session, bytes, count);
    // In TLS 1.3 tickets come in between.
    if (is_transient(received) || (received < 0 && !gnutls_error_is_fatal((int)received))) return gateway_https_waits;
    return received < 0 ? gateway_https_failed : received;
}
