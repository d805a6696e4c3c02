// SPDX-License-Identifier: BSD-3-Clause
// TLS towards Redis, where hiredis was built with it (1.0 and later, libhiredis_ssl).
//
// The server's certificate must be good for the host of the URL, by the certificates that OpenSSL
// trusts on this machine (SSL_CERT_FILE and SSL_CERT_DIR name others). Control thread.
#pragma once

#include "control/store.h"

struct redisContext;
struct store_tls;

// Returns NULL with one line in error.
struct store_tls *store_tls_create(char error[static STORE_ERROR_BYTES]);
void store_tls_destroy(struct store_tls *tls); // NULL is taken

// Speaks TLS on a connection that has just begun. Returns 0 or -EIO.
int store_tls_begin(struct store_tls *tls, struct redisContext *redis, const char *host);
