// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/port.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_ethdev.h>

enum { PORT_DESCRIPTORS = 1024 };

void port_device_name(const char *device, char *name, uint32_t room)
{
	snprintf(name, room, "%.*s", (int)strcspn(device, ","), device);
}

static int failed(const struct port *port, const char *what, int rc,
		  char error[static DATAPLANE_ERROR_BYTES])
{
	snprintf(error, DATAPLANE_ERROR_BYTES, "[port %s] device = %.100s: %s: %s", port->name,
		 port->device, what, strerror(-rc));
	return rc;
}

// What is wanted of the device, of what it has.
static void config_fill(struct port *port, const struct rte_eth_dev_info *info,
			struct rte_eth_conf *config)
{
	const uint64_t receive = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	const uint64_t spread = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_IPV6 |
				RTE_ETH_RSS_NONFRAG_IPV6_UDP;

	*config = (struct rte_eth_conf){0};
	config->rxmode.offloads = info->rx_offload_capa & receive;
	config->txmode.offloads =
	    info->tx_offload_capa & (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM);
	port->checksum_receive = config->rxmode.offloads == receive;
	port->checksum_transmit_ip = config->txmode.offloads & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
	port->checksum_transmit_udp = config->txmode.offloads & RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	if (port->queues > 1 && (info->flow_type_rss_offloads & spread) != 0) {
		config->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		config->rx_adv_conf.rss_conf.rss_hf = info->flow_type_rss_offloads & spread;
	}
}

static int queues_set_up(struct port *port, struct rte_mempool *const *pools,
			 char error[static DATAPLANE_ERROR_BYTES])
{
	uint16_t receive = PORT_DESCRIPTORS, transmit = PORT_DESCRIPTORS;
	int rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &receive, &transmit);

	if (rc != 0)
		return failed(port, "queue length", rc, error);
	for (uint16_t queue = 0; queue < port->queues; queue++) {
		rc = rte_eth_rx_queue_setup(port->id, queue, receive,
					    (unsigned int)rte_eth_dev_socket_id(port->id), NULL,
					    pools[queue]);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(port->id, queue, transmit,
						    (unsigned int)rte_eth_dev_socket_id(port->id),
						    NULL);
		if (rc != 0)
			return failed(port, "queue set-up", rc, error);
	}
	return 0;
}

// What not every device can do, and none needs for certain.
static int optional_set(struct port *port, uint16_t mtu, char error[static DATAPLANE_ERROR_BYTES])
{
	if (mtu != 0) {
		const int rc = rte_eth_dev_set_mtu(port->id, mtu);

		if (rc != 0 && rc != -ENOTSUP)
			return failed(port, "mtu", rc, error);
	}
	// Neighbour solicitations come to multicast addresses; virtual devices pass all anyway.
	if (rte_eth_allmulticast_enable(port->id) != 0)
		rte_eth_promiscuous_enable(port->id);
	if (rte_eth_dev_get_mtu(port->id, &port->mtu) != 0)
		port->mtu = RTE_ETHER_MTU;
	return 0;
}

// Makes ready to ask the kernel about the interface that the device is bound to, if any.
static void interface_find(struct port *port, unsigned int index)
{
	static_assert(sizeof(port->interface) == IF_NAMESIZE, "an interface's name");
	if (index == 0 || if_indextoname(index, port->interface) == NULL)
		return;
	port->query = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

int port_start(struct port *port, const struct dataplane_port_settings *settings, uint32_t workers,
	       struct rte_mempool *const *pools, char error[static DATAPLANE_ERROR_BYTES])
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf config;
	struct rte_ether_addr mac;
	char name[64];
	int rc;

	*port = (struct port){.query = -1,
			      .vlan = settings->vlan,
			      .verify = settings->checksum == DATAPLANE_CHECKSUM_VERIFY};
	snprintf(port->name, sizeof(port->name), "%s", settings->name);
	snprintf(port->device, sizeof(port->device), "%s", settings->device);
	port_device_name(settings->device, name, sizeof(name));
	if (rte_eth_dev_get_port_by_name(name, &port->id) != 0) {
		snprintf(error, DATAPLANE_ERROR_BYTES,
			 "[port %s] device = %.100s: DPDK could not make this device; is it there, "
			 "and is its driver installed? its own lines stand above",
			 port->name, port->device);
		return -ENODEV;
	}
	rc = rte_eth_dev_info_get(port->id, &info);
	if (rc != 0)
		return failed(port, "device information", rc, error);
	snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
	port->queues =
	    (uint16_t)RTE_MIN(workers, (uint32_t)RTE_MIN(info.max_rx_queues, info.max_tx_queues));
	config_fill(port, &info, &config);
	rc = rte_eth_dev_configure(port->id, port->queues, port->queues, &config);
	if (rc != 0)
		return failed(port, "configuration", rc, error);
	rc = queues_set_up(port, pools, error);
	if (rc != 0)
		return rc;
	rc = optional_set(port, settings->mtu, error);
	if (rc != 0)
		return rc;
	rc = rte_eth_dev_start(port->id);
	if (rc != 0)
		return failed(port, "start", rc, error);
	port->started = true;
	interface_find(port, info.if_index);
	rte_eth_macaddr_get(port->id, &mac);
	memcpy(port->mac, mac.addr_bytes, sizeof(port->mac));
	port_look(port);
	return 0;
}

void port_stop(struct port *port)
{
	if (!port->started)
		return;
	rte_eth_dev_stop(port->id);
	rte_eth_dev_close(port->id);
	if (port->query >= 0)
		close(port->query);
	port->started = false;
}

static bool device_up(const struct port *port)
{
	struct rte_eth_link link = {0};

	// A device that cannot tell is taken to be up.
	return rte_eth_link_get_nowait(port->id, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
}

static bool interface_up(const struct port *port)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, port->interface, sizeof(request.ifr_name));
	// An interface that is gone carries nothing.
	return ioctl(port->query, SIOCGIFFLAGS, &request) == 0 &&
	       (request.ifr_flags & IFF_RUNNING) != 0;
}

void port_look(struct port *port)
{
	const bool up = port->query >= 0 ? interface_up(port) : device_up(port);

	// Workers load it relaxed.
	__atomic_store_n(&port->link_up, up, __ATOMIC_RELAXED);
}
