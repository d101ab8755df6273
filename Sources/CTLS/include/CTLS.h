#pragma once
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// What Swift cannot call of OpenSSL: macros, and a socket that raises no signal.

// Reads and writes with recv(2) and send(2) without SIGPIPE, which OpenSSL's own sockets raise. The descriptor stays the caller's.
// NULL: no memory.
BIO *gateway_tls_socket(int descriptor);
// To be said before each call that reads from such a socket: a call takes 256 KiB from it at most, and wants to read then.
void gateway_tls_begin_call(SSL *session);

// TLS 1.2 or later. 1: it is.
int gateway_tls_demand_version(SSL_CTX *context);
// The name of the host that is asked for (SNI). 1: it was taken.
int gateway_tls_ask_for(SSL *session, const char *host);
// A write may take a part of what it is offered, and what it is offered again may lie elsewhere.
void gateway_tls_write_in_parts(SSL *session);
// A key with a passphrase is refused: OpenSSL would ask for it on the terminal.
void gateway_tls_ask_for_no_passphrase(SSL_CTX *context);
