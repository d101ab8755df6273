#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

// The parameter's name is a macro. OpenSSL copies what the parameters point to.
static inline int gateway_hmac_init(EVP_MAC_CTX *context, const char *digest, const unsigned char *key, size_t size) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_init(context, key, size, params);
}
