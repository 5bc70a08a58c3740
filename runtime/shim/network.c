/* SPDX-License-Identifier: Apache-2.0
 * network.c - the pod's network. Trust, threads, memory: network.h.
 */
#include "network.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The messages of what was found, pointing into it. */
struct told {
    Cloister__Pod__V1__Interface interface[CL_PODNET_INTERFACES];
    Cloister__Pod__V1__Interface *interfaces[CL_PODNET_INTERFACES];
    char mac[CL_PODNET_INTERFACES][CL_MAC_TEXT_SIZE];
    char *address[CL_PODNET_INTERFACES][CL_PODNET_ADDRESSES];
    Cloister__Pod__V1__Route route[CL_PODNET_ROUTES];
    Cloister__Pod__V1__Route *routes[CL_PODNET_ROUTES];
    Cloister__Pod__V1__Neighbour neighbour[CL_PODNET_NEIGHBOURS];
    Cloister__Pod__V1__Neighbour *neighbours[CL_PODNET_NEIGHBOURS];
    char neighbour_mac[CL_PODNET_NEIGHBOURS][CL_MAC_TEXT_SIZE];
};

struct shim_network {
    char *netns;
    struct cl_podnet *net; /* NULL: was told */
    struct told *told;     /* NULL: not yet, or not any more */
};

enum cl_status shim_network_join(const char *netns, struct shim_network **ret, struct cl_err *err)
{
    struct shim_network *n = calloc(1, sizeof(*n));
    if (n == NULL) {
        return cl_err_nomem(err, "network");
    }
    n->netns = strdup(netns);
    n->net = calloc(1, sizeof(*n->net));
    enum cl_status st = n->netns != NULL && n->net != NULL ? cl_podnet_join(netns, n->net, err)
                                                           : cl_err_nomem(err, "network");
    if (st != CL_OK) { /* nothing of ours is there */
        free(n->netns);
        free(n->net);
        free(n);
        return cl_err_wrap(err, st, "network");
    }
    *ret = n;
    return CL_OK;
}

const struct cl_podnet *shim_network_of(const struct shim_network *n)
{
    return n != NULL ? n->net : NULL;
}

const char *shim_network_netns(const struct shim_network *n)
{
    return n != NULL ? n->netns : NULL;
}

void shim_network_taken(struct shim_network *n)
{
    for (unsigned i = 0; n != NULL && n->net != NULL && i < n->net->interface_count; i++) {
        cl_close_fdp(&n->net->interface[i].tap_fd);
    }
}

static void tell_interfaces(struct cl_podnet *net, struct told *t,
                            Cloister__Pod__V1__SandboxRequest *q)
{
    for (unsigned i = 0; i < net->interface_count; i++) {
        struct cl_podnet_interface *from = &net->interface[i];
        Cloister__Pod__V1__Interface *to = &t->interface[i];
        cloister__pod__v1__interface__init(to);
        cl_mac_format(t->mac[i], from->mac);
        to->mac = t->mac[i];
        to->name = from->name;
        to->mtu = from->mtu;
        for (unsigned a = 0; a < from->address_count; a++) {
            t->address[i][a] = from->address[a];
        }
        to->addresses = t->address[i];
        to->n_addresses = from->address_count;
        t->interfaces[i] = to;
    }
    q->interfaces = t->interfaces;
    q->n_interfaces = net->interface_count;
}

static void tell_routes(struct cl_podnet *net, struct told *t, Cloister__Pod__V1__SandboxRequest *q)
{
    for (unsigned i = 0; i < net->route_count; i++) {
        struct cl_podnet_route *from = &net->route[i];
        Cloister__Pod__V1__Route *to = &t->route[i];
        cloister__pod__v1__route__init(to);
        to->destination = from->destination;
        to->gateway = from->gateway;
        to->source = from->source;
        to->device = net->interface[from->interface].name;
        to->ipv6 = from->ipv6;
        t->routes[i] = to;
    }
    q->routes = t->routes;
    q->n_routes = net->route_count;
}

static void tell_neighbours(struct cl_podnet *net, struct told *t,
                            Cloister__Pod__V1__SandboxRequest *q)
{
    for (unsigned i = 0; i < net->neighbour_count; i++) {
        struct cl_podnet_neighbour *from = &net->neighbour[i];
        Cloister__Pod__V1__Neighbour *to = &t->neighbour[i];
        cloister__pod__v1__neighbour__init(to);
        cl_mac_format(t->neighbour_mac[i], from->mac);
        to->address = from->address;
        to->mac = t->neighbour_mac[i];
        to->device = net->interface[from->interface].name;
        t->neighbours[i] = to;
    }
    q->neighbours = t->neighbours;
    q->n_neighbours = net->neighbour_count;
}

enum cl_status shim_network_tell(struct shim_network *n, Cloister__Pod__V1__SandboxRequest *q,
                                 struct cl_err *err)
{
    if (n == NULL || n->net == NULL) {
        return CL_OK;
    }
    n->told = calloc(1, sizeof(*n->told));
    if (n->told == NULL) {
        return cl_err_nomem(err, "network");
    }
    tell_interfaces(n->net, n->told, q);
    tell_routes(n->net, n->told, q);
    tell_neighbours(n->net, n->told, q);
    return CL_OK;
}

void shim_network_told(struct shim_network *n)
{
    if (n == NULL) {
        return;
    }
    free(n->told);
    n->told = NULL;
    if (n->net != NULL) {
        cl_podnet_done(n->net);
        free(n->net);
        n->net = NULL;
    }
}

void shim_network_leave(struct shim_network *n)
{
    struct cl_err err = {0};
    if (n == NULL) {
        return;
    }
    shim_network_told(n);
    if (cl_podnet_leave(n->netns, &err) != CL_OK) {
        cl_log(CL_LOG_WARN, "shim.network", "%s", err.msg);
    }
    free(n->netns);
    free(n);
}
