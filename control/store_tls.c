// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef HOLDFAST_REDIS_TLS

#include <arpa/inet.h>

#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct store_tls {
	SSL_CTX *context;
};

struct store_tls *store_tls_create(char error[static STORE_ERROR_BYTES])
{
	struct store_tls *tls = calloc(1, sizeof(*tls));

	if (tls != NULL)
		tls->context = SSL_CTX_new(TLS_client_method());
	if (tls == NULL || tls->context == NULL ||
	    SSL_CTX_set_default_verify_paths(tls->context) != 1 ||
	    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) != 1) {
		snprintf(error, STORE_ERROR_BYTES, "store: TLS cannot be set up by OpenSSL");
		store_tls_destroy(tls);
		return NULL;
	}
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
	return tls;
}

void store_tls_destroy(struct store_tls *tls)
{
	if (tls == NULL)
		return;
	SSL_CTX_free(tls->context);
	free(tls);
}

// The certificate names an address as such, a host by its name.
static bool host_set(SSL *ssl, const char *host)
{
	struct in6_addr ip;

	if (inet_pton(AF_INET, host, &ip) == 1 || inet_pton(AF_INET6, host, &ip) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

int store_tls_begin(struct store_tls *tls, struct redisContext *redis, const char *host)
{
	SSL *ssl = SSL_new(tls->context);

	if (ssl == NULL)
		return -EIO;
	if (!host_set(ssl, host)) {
		SSL_free(ssl);
		return -EIO;
	}
	// It takes ssl, unless it fails.
	if (redisInitiateSSL(redis, ssl) == REDIS_OK)
		return 0;
	SSL_free(ssl);
	return -EIO;
}

#else

struct store_tls *store_tls_create(char error[static STORE_ERROR_BYTES])
{
	snprintf(error, STORE_ERROR_BYTES,
		 "store: rediss:// needs a gateway built with hiredis_ssl (hiredis 1.0 and later): "
		 "build it with that, or use redis:// on a network that you trust");
	return NULL;
}

void store_tls_destroy(struct store_tls *tls)
{
}

int store_tls_begin(struct store_tls *tls, struct redisContext *redis, const char *host)
{
	return -EIO;
}

#endif
