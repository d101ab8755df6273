#pragma once
#include <stddef.h>

// GnuTLS, as far as libmicrohttpd leaves it to others: certificates that are replaced while connections come, what is said past
// libmicrohttpd, and a client for the health check. A session is a `gnutls_session_t`.

// A certificate, with those between it and its authority, and its key. Never changed once it was read.
struct gateway_https_pair;

// Reads one from PEM. NULL: it is none; `reason`, of `size` bytes, says why, and may name `certificate_name` or `key_name`.
struct gateway_https_pair *gateway_https_pair_read(
    const void *certificate, size_t certificate_size, const char *certificate_name, const void *key, size_t key_size,
    const char *key_name, char *reason, size_t size);
void gateway_https_pair_free(struct gateway_https_pair *pair);
// Seconds since 1970.
long gateway_https_pair_begins(const struct gateway_https_pair *pair);
long gateway_https_pair_ends(const struct gateway_https_pair *pair);

// Shows it to whoever connects from now on. It must never be freed: handshakes under way go on with the one before.
void gateway_https_pair_serve(struct gateway_https_pair *pair);
// For MHD_OPTION_HTTPS_CERT_CALLBACK: what hands out the pair that is served, a `gnutls_certificate_retrieve_function2`.
void *gateway_https_retrieval(void);

// Bytes that were decrypted and that nobody has read.
size_t gateway_https_pending(void *session);
// Returns how many bytes have left; -1: none.
long gateway_https_send(void *session, const void *bytes, size_t count);
// Says that nothing more comes (close_notify), and waits for nothing.
void gateway_https_say_goodbye(void *session);

// A client on a connected socket, which stays the caller's. Whom it talks to is not checked. NULL: no memory.
void *gateway_https_client(int descriptor);
void gateway_https_client_free(void *session);
// What came of a client's step.
enum { gateway_https_waits = -1, gateway_https_failed = -2 };
// 0: the handshake is done.
int gateway_https_client_shake_hands(void *session);
// How many bytes have come; 0: the end.
long gateway_https_client_receive(void *session, void *bytes, size_t count);
