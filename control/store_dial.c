// SPDX-License-Identifier: BSD-3-Clause
#include "control/store_dial.h"

#include <stdio.h>
#include <stdlib.h>

#include <sys/socket.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
// The adapter wants to come after them.
#include <hiredis/adapters/libevent.h>

#include "control/store_tls.h"

struct store_dial {
	const struct store_url *url;
	struct event_base *base;
	store_dial_done *done;
	void *context; // of done()
	struct evdns_base *names;
	struct evdns_getaddrinfo_request *resolving;
	struct store_tls *tls;
	uint32_t attempts; // which of several addresses is next
};

static bool local(const struct store_dial *dial)
{
	return dial->url->host[0] == '\0';
}

// To an address, or to the path.
static void dial_now(struct store_dial *dial, const char *address)
{
	redisAsyncContext *redis = local(dial) ? redisAsyncConnectUnix(dial->url->path)
					       : redisAsyncConnect(address, dial->url->port);
	const char *why = NULL;

	if (redis == NULL)
		why = "no memory";
	else if (redis->err != 0)
		why = redis->errstr;
	else if (dial->tls != NULL && store_tls_begin(dial->tls, &redis->c, dial->url->host) != 0)
		why = redis->c.errstr[0] != '\0' ? redis->c.errstr : "TLS cannot begin";
	else if (redisLibeventAttach(redis, dial->base) != REDIS_OK)
		why = "no memory";
	dial->done(dial->context, why == NULL ? redis : NULL, why);
	if (why != NULL && redis != NULL)
		redisAsyncFree(redis);
}

static void on_resolved(int result, struct evutil_addrinfo *found, void *context)
{
	struct store_dial *dial = context;
	const struct evutil_addrinfo *chosen = found;
	char address[NI_MAXHOST];
	uint32_t count = 0;

	if (result == EVUTIL_EAI_CANCEL)
		return; // dial may be gone
	dial->resolving = NULL;
	for (const struct evutil_addrinfo *at = found; at != NULL; at = at->ai_next)
		count++;
	for (uint32_t i = count > 0 ? dial->attempts++ % count : 0; i > 0; i--)
		chosen = chosen->ai_next;
	if (result != 0 || chosen == NULL)
		dial->done(dial->context, NULL, evutil_gai_strerror(result));
	else if (getnameinfo(chosen->ai_addr, (socklen_t)chosen->ai_addrlen, address,
			     sizeof(address), NULL, 0, NI_NUMERICHOST) != 0)
		dial->done(dial->context, NULL, "its name stands for no address");
	else
		dial_now(dial, address);
	if (found != NULL)
		evutil_freeaddrinfo(found);
}

void store_dial_begin(struct store_dial *dial)
{
	const struct evutil_addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct evdns_getaddrinfo_request *resolving;

	if (local(dial)) {
		dial_now(dial, NULL);
		return;
	}
	// An address, or a name of /etc/hosts, is answered from within, which returns NULL.
	resolving =
	    evdns_getaddrinfo(dial->names, dial->url->host, NULL, &hints, on_resolved, dial);
	if (resolving != NULL)
		dial->resolving = resolving;
}

void store_dial_end(struct store_dial *dial)
{
	if (dial->resolving != NULL)
		evdns_getaddrinfo_cancel(dial->resolving);
	dial->resolving = NULL;
}

struct store_dial *store_dial_create(const struct store_url *url, struct event_base *base,
				     store_dial_done *done, void *context,
				     char error[static STORE_ERROR_BYTES])
{
	struct store_dial *dial = calloc(1, sizeof(*dial));

	if (dial == NULL) {
		snprintf(error, STORE_ERROR_BYTES, "store: no memory");
		return NULL;
	}
	dial->url = url;
	dial->base = base;
	dial->done = done;
	dial->context = context;
	if (!local(dial)) {
		dial->names = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
						       EVDNS_BASE_DISABLE_WHEN_INACTIVE);
		if (dial->names == NULL) {
			snprintf(error, STORE_ERROR_BYTES,
				 "store: names cannot be resolved: look at /etc/resolv.conf");
			store_dial_destroy(dial);
			return NULL;
		}
	}
	if (url->tls) {
		dial->tls = store_tls_create(error);
		if (dial->tls == NULL) {
			store_dial_destroy(dial);
			return NULL;
		}
	}
	return dial;
}

void store_dial_destroy(struct store_dial *dial)
{
	if (dial == NULL)
		return;
	store_dial_end(dial);
	if (dial->names != NULL)
		evdns_base_free(dial->names, 0);
	store_tls_destroy(dial->tls);
	free(dial);
}
