// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/packet_pool.h"

#include <rte_mbuf.h>

#include "dataplane/packet.h"

struct rte_mempool *packet_pool_create(const char *name, uint32_t packets, uint32_t cache,
				       uint16_t bytes, bool even)
{
	struct rte_pktmbuf_pool_private sizes = {.mbuf_data_room_size = bytes,
						 .mbuf_priv_size = PACKET_PRIVATE_BYTES};
	struct rte_mempool *pool = rte_mempool_create_empty(
	    name, packets, (unsigned int)(sizeof(struct rte_mbuf) + PACKET_PRIVATE_BYTES + bytes),
	    cache, sizeof(sizes), SOCKET_ID_ANY, even ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0);

	if (pool == NULL)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, "lf_stack", NULL) != 0)
		goto fail;
	rte_pktmbuf_pool_init(pool, &sizes);
	if (rte_mempool_populate_default(pool) < 0)
		goto fail;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
fail:
	rte_mempool_free(pool);
	return NULL;
}
