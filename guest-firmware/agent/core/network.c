/* SPDX-License-Identifier: Apache-2.0
 * network.c - see network.h. Names are taken away before any is given, so that they may be swapped;
 * routes on the link come before those through a gateway.
 */
#include "agent/network.h"

#include "base/encode.h"
#include "pod.pb-c.h"

#include <arpa/inet.h>
#include <net/if.h> /* before linux/if.h, which yields to it */

#include <linux/if_arp.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MIN_MTU 68u
#define MAX_MTU 65535u
#define TEXT 64u

typedef Cloister__Pod__V1__Interface interface_msg;
typedef Cloister__Pod__V1__Route route_msg;
typedef Cloister__Pod__V1__Neighbour neighbour_msg;
typedef Cloister__Pod__V1__SandboxRequest sandbox_msg;

/* --- checks ----------------------------------------------------------------------------------- */

static enum cl_status bad(struct cl_err *err, const char *field, const char *expected,
                          const char *got)
{
    return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected %s, got '%.64s'", field, expected, got);
}

static bool good_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n > 0 && n < IFNAMSIZ && s[n] == '\0' && s[0] != '.' && strcmp(s, "lo") != 0;
}

/* An IP address, with a prefix length if `prefix` says so. *ret_family may be NULL. */
static bool good_address(const char *s, bool prefix, int *ret_family)
{
    char host[TEXT];
    uint8_t raw[16];
    size_t len = strcspn(s, "/");
    int family = strchr(s, ':') != NULL ? AF_INET6 : AF_INET;
    if (len >= sizeof(host) || prefix != (s[len] == '/')) {
        return false;
    }
    (void)snprintf(host, sizeof(host), "%.*s", (int)len, s);
    if (inet_pton(family, host, raw) != 1) {
        return false;
    }
    unsigned bits = 0;
    const char *p = s + len + 1;
    for (; prefix && *p >= '0' && *p <= '9' && bits <= 128; p++) {
        bits = bits * 10 + (unsigned)(*p - '0');
    }
    if (ret_family != NULL) {
        *ret_family = family;
    }
    return !prefix || (p != s + len + 1 && *p == '\0' && bits <= (family == AF_INET ? 32u : 128u));
}

static const interface_msg *find(const sandbox_msg *r, const char *name)
{
    for (size_t i = 0; i < r->n_interfaces; i++) {
        if (strcmp(r->interfaces[i]->name, name) == 0) {
            return r->interfaces[i];
        }
    }
    return NULL;
}

static enum cl_status check_interface(const sandbox_msg *r, size_t index, struct cl_err *err)
{
    const interface_msg *i = r->interfaces[index];
    uint8_t mac[CL_MAC_SIZE];
    CL_TRY(cl_mac_parse(i->mac, "interfaces: mac", mac, err));
    if (!good_name(i->name) || find(r, i->name) != i) {
        return bad(err, "interfaces: name", "a name of its own of at most 15 letters", i->name);
    }
    if (i->mtu < MIN_MTU || i->mtu > MAX_MTU) {
        return cl_err_set(err, CL_ERR_MALFORMED, "interfaces: mtu: expected %u to %u, got %u",
                          MIN_MTU, MAX_MTU, i->mtu);
    }
    if (i->n_addresses > AGENT_MAX_ADDRESSES) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "interfaces: addresses: expected at most %u, got %zu",
                          AGENT_MAX_ADDRESSES, i->n_addresses);
    }
    for (size_t k = 0; k < i->n_addresses; k++) {
        if (!good_address(i->addresses[k], /* prefix= */ true, NULL)) {
            return bad(err, "interfaces: addresses", "an address with its prefix length",
                       i->addresses[k]);
        }
    }
    for (size_t k = 0; k < index; k++) {
        if (strcasecmp(r->interfaces[k]->mac, i->mac) == 0) {
            return bad(err, "interfaces: mac", "one interface of each", i->mac);
        }
    }
    return CL_OK;
}

static enum cl_status check_route(const sandbox_msg *r, const route_msg *t, struct cl_err *err)
{
    int want = t->ipv6 ? AF_INET6 : AF_INET;
    int family = want;
    if (find(r, t->device) == NULL) {
        return bad(err, "routes: device", "the name of an interface", t->device);
    }
    if (t->destination[0] != '\0' &&
        (!good_address(t->destination, /* prefix= */ true, &family) || family != want)) {
        return bad(err, "routes: destination", "a network of its family", t->destination);
    }
    if (t->gateway[0] != '\0' &&
        (!good_address(t->gateway, /* prefix= */ false, &family) || family != want)) {
        return bad(err, "routes: gateway", "an address of its family", t->gateway);
    }
    if (t->source[0] != '\0' &&
        (!good_address(t->source, /* prefix= */ false, &family) || family != want)) {
        return bad(err, "routes: source", "an address of its family", t->source);
    }
    return CL_OK;
}

static enum cl_status check_neighbour(const sandbox_msg *r, const neighbour_msg *n,
                                      struct cl_err *err)
{
    if (find(r, n->device) == NULL) {
        return bad(err, "neighbours: device", "the name of an interface", n->device);
    }
    if (!good_address(n->address, /* prefix= */ false, NULL)) {
        return bad(err, "neighbours: address", "an address", n->address);
    }
    uint8_t mac[CL_MAC_SIZE];
    return cl_mac_parse(n->mac, "neighbours: mac", mac, err);
}

static enum cl_status check_count(size_t count, unsigned most, const char *field,
                                  struct cl_err *err)
{
    return count <= most ? CL_OK
                         : cl_err_set(err, CL_ERR_MALFORMED, "%s: expected at most %u, got %zu",
                                      field, most, count);
}

enum cl_status agent_network_check(const sandbox_msg *r, struct cl_err *err)
{
    CL_TRY(check_count(r->n_interfaces, AGENT_MAX_INTERFACES, "interfaces", err));
    CL_TRY(check_count(r->n_routes, AGENT_MAX_ROUTES, "routes", err));
    CL_TRY(check_count(r->n_neighbours, AGENT_MAX_NEIGHBOURS, "neighbours", err));
    for (size_t i = 0; i < r->n_interfaces; i++) {
        CL_TRY(check_interface(r, i, err));
    }
    for (size_t i = 0; i < r->n_routes; i++) {
        CL_TRY(check_route(r, r->routes[i], err));
    }
    for (size_t i = 0; i < r->n_neighbours; i++) {
        CL_TRY(check_neighbour(r, r->neighbours[i], err));
    }
    return CL_OK;
}

/* --- netlink ---------------------------------------------------------------------------------- */

static enum cl_status failed(struct cl_err *err, const char *what, const char *which, int code)
{
    return cl_err_set(err, code == -NLE_NOMEM ? CL_ERR_NOMEM : CL_ERR_SYS, "%s '%.64s': %s", what,
                      which, nl_geterror(code));
}

/* A parsed address, or NULL; the text was checked. */
static struct nl_addr *parsed(const char *text, int family)
{
    struct nl_addr *a = NULL;
    return nl_addr_parse(text, family, &a) == 0 ? a : NULL;
}

static int family_of(const char *text)
{
    return strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
}

struct by_mac {
    const struct nl_addr *mac;
    int index; /* 0: not found */
};

static void match_mac(struct nl_object *o, void *ctx)
{
    struct by_mac *m = ctx;
    struct rtnl_link *l = (struct rtnl_link *)o;
    struct nl_addr *mac = rtnl_link_get_addr(l);
    if (m->index == 0 && rtnl_link_get_arptype(l) == ARPHRD_ETHER && mac != NULL &&
        nl_addr_cmp(mac, m->mac) == 0) {
        m->index = rtnl_link_get_ifindex(l);
    }
}

static enum cl_status find_link(struct nl_cache *links, const interface_msg *i, int *ret_index,
                                struct cl_err *err)
{
    struct nl_addr *mac = parsed(i->mac, AF_LLC);
    if (mac == NULL) {
        return cl_err_nomem(err, "interface");
    }
    struct by_mac m = {mac, 0};
    nl_cache_foreach(links, match_mac, &m);
    nl_addr_put(mac);
    *ret_index = m.index;
    return m.index != 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_UNAVAILABLE,
                            "interfaces: mac: expected one that this machine has, got %s", i->mac);
}

/* name NULL: keep; mtu 0: keep. */
static enum cl_status change_link(struct nl_sock *nl, int index, const char *name, uint32_t mtu,
                                  bool up, struct cl_err *err)
{
    struct rtnl_link *which = rtnl_link_alloc();
    struct rtnl_link *change = rtnl_link_alloc();
    int rc = -NLE_NOMEM;
    if (which != NULL && change != NULL) {
        rtnl_link_set_ifindex(which, index);
        if (name != NULL) {
            rtnl_link_set_name(change, name);
        }
        if (mtu != 0) {
            rtnl_link_set_mtu(change, mtu);
        }
        if (up) {
            rtnl_link_set_flags(change, IFF_UP);
        } else {
            rtnl_link_unset_flags(change, IFF_UP);
        }
        rc = rtnl_link_change(nl, which, change, 0);
    }
    rtnl_link_put(which);
    rtnl_link_put(change);
    return rc == 0 ? CL_OK : failed(err, "interface", name != NULL ? name : "", rc);
}

static enum cl_status add_address(struct nl_sock *nl, int index, const char *text,
                                  struct cl_err *err)
{
    struct rtnl_addr *a = rtnl_addr_alloc();
    struct nl_addr *local = parsed(text, family_of(text));
    int rc = -NLE_NOMEM;
    if (a != NULL && local != NULL) {
        rtnl_addr_set_ifindex(a, index);
        rtnl_addr_set_flags(a, IFA_F_NODAD); /* CNI has seen to it */
        rc = rtnl_addr_set_local(a, local);
        rc = rc == 0 ? rtnl_addr_add(nl, a, 0) : rc;
    }
    nl_addr_put(local);
    rtnl_addr_put(a);
    return rc == 0 ? CL_OK : failed(err, "address", text, rc);
}

static int fill_route(struct rtnl_route *route, const route_msg *t, int index)
{
    int family = t->ipv6 ? AF_INET6 : AF_INET;
    const char *any = t->ipv6 ? "::/0" : "0.0.0.0/0";
    struct nl_addr *dst = parsed(t->destination[0] != '\0' ? t->destination : any, family);
    struct nl_addr *gateway = t->gateway[0] != '\0' ? parsed(t->gateway, family) : NULL;
    struct nl_addr *source = t->source[0] != '\0' ? parsed(t->source, family) : NULL;
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    int rc = dst == NULL || hop == NULL ? -NLE_NOMEM : rtnl_route_set_dst(route, dst);
    if (rc == 0) {
        rtnl_route_nh_set_ifindex(hop, index);
        if (gateway != NULL) {
            rtnl_route_nh_set_gateway(hop, gateway);
            rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK); /* it may lie outside all subnets */
        } else {
            rtnl_route_set_scope(route, RT_SCOPE_LINK);
        }
        rtnl_route_add_nexthop(route, hop); /* takes it */
        hop = NULL;
        rc = source != NULL ? rtnl_route_set_pref_src(route, source) : 0;
    }
    if (hop != NULL) {
        rtnl_route_nh_free(hop);
    }
    nl_addr_put(source);
    nl_addr_put(gateway);
    nl_addr_put(dst);
    return rc;
}

static enum cl_status add_route(struct nl_sock *nl, const route_msg *t, int index,
                                struct cl_err *err)
{
    struct rtnl_route *route = rtnl_route_alloc();
    int rc = -NLE_NOMEM;
    if (route != NULL) {
        rtnl_route_set_table(route, RT_TABLE_MAIN);
        rtnl_route_set_protocol(route, RTPROT_STATIC);
        rc = fill_route(route, t, index);
        rc = rc == 0 ? rtnl_route_add(nl, route, NLM_F_REPLACE) : rc;
        rtnl_route_put(route);
    }
    return rc == 0 ? CL_OK
                   : failed(err, "route to", t->destination[0] != '\0' ? t->destination : "default",
                            rc);
}

static enum cl_status add_neighbour(struct nl_sock *nl, const neighbour_msg *n, int index,
                                    struct cl_err *err)
{
    struct rtnl_neigh *neighbour = rtnl_neigh_alloc();
    struct nl_addr *dst = parsed(n->address, family_of(n->address));
    struct nl_addr *mac = parsed(n->mac, AF_LLC);
    int rc = -NLE_NOMEM;
    if (neighbour != NULL && dst != NULL && mac != NULL) {
        rtnl_neigh_set_ifindex(neighbour, index);
        rtnl_neigh_set_lladdr(neighbour, mac);
        rtnl_neigh_set_state(neighbour, NUD_PERMANENT);
        rc = rtnl_neigh_set_dst(neighbour, dst);
        rc = rc == 0 ? rtnl_neigh_add(nl, neighbour, NLM_F_CREATE | NLM_F_REPLACE) : rc;
    }
    nl_addr_put(mac);
    nl_addr_put(dst);
    rtnl_neigh_put(neighbour);
    return rc == 0 ? CL_OK : failed(err, "neighbour", n->address, rc);
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum cl_status configure_links(struct nl_sock *nl, const sandbox_msg *r,
                                      int index[AGENT_MAX_INTERFACES], struct cl_err *err)
{
    struct nl_cache *links = NULL;
    int rc = rtnl_link_alloc_cache(nl, AF_UNSPEC, &links);
    enum cl_status st = rc == 0 ? CL_OK : failed(err, "interfaces", "", rc);
    for (size_t i = 0; i < r->n_interfaces && st == CL_OK; i++) {
        st = find_link(links, r->interfaces[i], &index[i], err);
    }
    nl_cache_free(links);
    for (size_t i = 0; i < r->n_interfaces && st == CL_OK; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), ".cloister%zu", i); /* no good_name has a dot first */
        st = change_link(nl, index[i], name, 0, /* up= */ false, err);
    }
    for (size_t i = 0; i < r->n_interfaces && st == CL_OK; i++) {
        const interface_msg *m = r->interfaces[i];
        st = change_link(nl, index[i], m->name, m->mtu, /* up= */ false, err);
        st = st == CL_OK ? change_link(nl, index[i], NULL, 0, /* up= */ true, err) : st;
        for (size_t k = 0; k < m->n_addresses && st == CL_OK; k++) {
            st = add_address(nl, index[i], m->addresses[k], err);
        }
    }
    return st;
}

static int index_of(const sandbox_msg *r, const int index[AGENT_MAX_INTERFACES], const char *name)
{
    size_t i = 0;
    while (strcmp(r->interfaces[i]->name, name) != 0) { /* there is one: it was checked */
        i++;
    }
    return index[i];
}

static enum cl_status configure(struct nl_sock *nl, const sandbox_msg *r, struct cl_err *err)
{
    int index[AGENT_MAX_INTERFACES] = {0};
    CL_TRY(configure_links(nl, r, index, err));
    for (unsigned gateways = 0; gateways < 2; gateways++) {
        for (size_t i = 0; i < r->n_routes; i++) {
            const route_msg *t = r->routes[i];
            if ((t->gateway[0] != '\0') == (gateways == 1)) {
                CL_TRY(add_route(nl, t, index_of(r, index, t->device), err));
            }
        }
    }
    for (size_t i = 0; i < r->n_neighbours; i++) {
        const neighbour_msg *n = r->neighbours[i];
        CL_TRY(add_neighbour(nl, n, index_of(r, index, n->device), err));
    }
    return CL_OK;
}

enum cl_status agent_network_apply(const sandbox_msg *r, struct cl_err *err)
{
    CL_TRY(agent_network_check(r, err));
    if (r->n_interfaces == 0) {
        return CL_OK;
    }
    struct nl_sock *nl = nl_socket_alloc();
    if (nl == NULL) {
        return cl_err_nomem(err, "netlink");
    }
    int rc = nl_connect(nl, NETLINK_ROUTE);
    enum cl_status st =
        rc == 0 ? configure(nl, r, err) : failed(err, "netlink", "NETLINK_ROUTE", rc);
    nl_socket_free(nl);
    return st;
}
