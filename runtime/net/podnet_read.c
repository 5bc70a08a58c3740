/* SPDX-License-Identifier: Apache-2.0
 * podnet_read.c - what CNI configured in a namespace: interfaces, addresses, routes, neighbours.
 * Trust: podnet.h.
 */
#include "podnet_internal.h"

#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>

struct reading {
    struct cl_podnet *net;
    int *index;
    struct cl_err *err;
    enum cl_status status; /* the first failure */
};

static void too_many(struct reading *r, const char *what, unsigned most)
{
    r->status = r->status != CL_OK
                    ? r->status
                    : cl_err_set(r->err, CL_ERR_UNSUPPORTED,
                                 "pod network: %s: expected at most %u, got more", what, most);
}

/* Which of ours; CL_PODNET_INTERFACES: none. */
static unsigned find(const struct reading *r, int index)
{
    for (unsigned i = 0; i < r->net->interface_count; i++) {
        if (r->index[i] == index) {
            return i;
        }
    }
    return CL_PODNET_INTERFACES;
}

static void text_of(struct nl_addr *a, char ret[static CL_PODNET_TEXT])
{
    ret[0] = '\0';
    if (a != NULL && nl_addr_get_len(a) > 0) {
        (void)nl_addr2str(a, ret, CL_PODNET_TEXT);
    }
}

static void take_link(struct nl_object *o, void *ctx)
{
    struct reading *r = ctx;
    struct rtnl_link *link = (struct rtnl_link *)o;
    struct nl_addr *mac = rtnl_link_get_addr(link);
    const char *name = rtnl_link_get_name(link);
    if ((rtnl_link_get_flags(link) & IFF_LOOPBACK) != 0 || r->status != CL_OK) {
        return;
    }
    if ((rtnl_link_get_flags(link) & IFF_UP) == 0) {
        return; /* CNI brings up what it uses; tunnels' fallback devices lie about unused */
    }
    if (rtnl_link_get_arptype(link) != ARPHRD_ETHER || mac == NULL || nl_addr_get_len(mac) != 6) {
        r->status = cl_err_set(r->err, CL_ERR_UNSUPPORTED,
                               "pod network: interface '%.15s': expected Ethernet, got kind %u",
                               name, rtnl_link_get_arptype(link));
        return;
    }
    if (r->net->interface_count == CL_PODNET_INTERFACES) {
        too_many(r, "interfaces", CL_PODNET_INTERFACES);
        return;
    }
    struct cl_podnet_interface *i = &r->net->interface[r->net->interface_count];
    (void)snprintf(i->name, sizeof(i->name), "%s", name);
    memcpy(i->mac, nl_addr_get_binary_addr(mac), 6);
    i->mtu = rtnl_link_get_mtu(link);
    i->tap_fd = -1;
    r->index[r->net->interface_count++] = rtnl_link_get_ifindex(link);
}

static void take_address(struct nl_object *o, void *ctx)
{
    struct reading *r = ctx;
    struct rtnl_addr *a = (struct rtnl_addr *)o;
    unsigned n = find(r, rtnl_addr_get_ifindex(a));
    /* The guest makes its link-local addresses itself: same MAC, same address. */
    if (n == CL_PODNET_INTERFACES || rtnl_addr_get_scope(a) == RT_SCOPE_LINK) {
        return;
    }
    struct cl_podnet_interface *i = &r->net->interface[n];
    if (i->address_count == CL_PODNET_ADDRESSES) {
        too_many(r, "addresses of an interface", CL_PODNET_ADDRESSES);
        return;
    }
    char *text = i->address[i->address_count++];
    text_of(rtnl_addr_get_local(a), text);
    if (strchr(text, '/') == NULL) { /* a single address is written without its length */
        size_t len = strlen(text);
        (void)snprintf(text + len, CL_PODNET_TEXT - len, "/%d", rtnl_addr_get_prefixlen(a));
    }
}

static void take_route(struct nl_object *o, void *ctx)
{
    struct reading *r = ctx;
    struct rtnl_route *route = (struct rtnl_route *)o;
    struct rtnl_nexthop *hop = rtnl_route_nexthop_n(route, 0);
    unsigned n = hop != NULL ? find(r, rtnl_route_nh_get_ifindex(hop)) : CL_PODNET_INTERFACES;
    if (n == CL_PODNET_INTERFACES || rtnl_route_get_table(route) != RT_TABLE_MAIN ||
        rtnl_route_get_protocol(route) == RTPROT_KERNEL ||
        rtnl_route_get_type(route) != RTN_UNICAST) {
        return;
    }
    if (rtnl_route_get_nnexthops(route) != 1) {
        r->status = cl_err_set(r->err, CL_ERR_UNSUPPORTED,
                               "pod network: route: expected one next hop, got %d",
                               rtnl_route_get_nnexthops(route));
        return;
    }
    if (r->net->route_count == CL_PODNET_ROUTES) {
        too_many(r, "routes", CL_PODNET_ROUTES);
        return;
    }
    struct cl_podnet_route *t = &r->net->route[r->net->route_count++];
    t->interface = n;
    t->ipv6 = rtnl_route_get_family(route) == AF_INET6;
    text_of(rtnl_route_get_dst(route), t->destination);
    text_of(rtnl_route_nh_get_gateway(hop), t->gateway);
    text_of(rtnl_route_get_pref_src(route), t->source);
    if (t->destination[0] != '\0' && strchr(t->destination, '/') == NULL) {
        size_t len = strlen(t->destination);
        (void)snprintf(t->destination + len, CL_PODNET_TEXT - len, t->ipv6 ? "/128" : "/32");
    }
}

static void take_neighbour(struct nl_object *o, void *ctx)
{
    struct reading *r = ctx;
    struct rtnl_neigh *neighbour = (struct rtnl_neigh *)o;
    struct nl_addr *mac = rtnl_neigh_get_lladdr(neighbour);
    unsigned n = find(r, rtnl_neigh_get_ifindex(neighbour));
    if (n == CL_PODNET_INTERFACES || rtnl_neigh_get_state(neighbour) != NUD_PERMANENT ||
        mac == NULL || nl_addr_get_len(mac) != 6) {
        return; /* what was learnt, the guest learns again */
    }
    if (r->net->neighbour_count == CL_PODNET_NEIGHBOURS) {
        too_many(r, "permanent neighbours", CL_PODNET_NEIGHBOURS);
        return;
    }
    struct cl_podnet_neighbour *t = &r->net->neighbour[r->net->neighbour_count++];
    t->interface = n;
    memcpy(t->mac, nl_addr_get_binary_addr(mac), 6);
    text_of(rtnl_neigh_get_dst(neighbour), t->address);
}

/* rc: of the call that filled the cache; the cache is released. */
static void each(struct reading *r, int rc, struct nl_cache *cache, const char *what,
                 void (*take)(struct nl_object *o, void *ctx))
{
    if (rc != 0) {
        r->status = r->status != CL_OK ? r->status : cl_podnet_error(r->err, rc, what);
        return;
    }
    if (r->status == CL_OK) {
        nl_cache_foreach(cache, take, r);
    }
    nl_cache_free(cache);
}

enum cl_status cl_podnet_read(struct nl_sock *nl, struct cl_podnet *n,
                              int ret_index[CL_PODNET_INTERFACES], struct cl_err *err)
{
    struct reading r = {.net = n, .index = ret_index, .err = err};
    struct nl_cache *cache = NULL;
    int rc = rtnl_link_alloc_cache(nl, AF_UNSPEC, &cache);
    each(&r, rc, cache, "interfaces", take_link);
    rc = rtnl_addr_alloc_cache(nl, &cache);
    each(&r, rc, cache, "addresses", take_address);
    rc = rtnl_route_alloc_cache(nl, AF_UNSPEC, 0, &cache);
    each(&r, rc, cache, "routes", take_route);
    rc = rtnl_neigh_alloc_cache(nl, &cache);
    each(&r, rc, cache, "neighbours", take_neighbour);
    return r.status;
}
