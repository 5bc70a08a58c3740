/* SPDX-License-Identifier: Apache-2.0
 * podnet.c - enters the namespace, makes a tap for each interface, joins them. Trust: podnet.h.
 */
#include "podnet_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/magic.h>
#include <netlink/route/link.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#define TUN_DEVICE "/dev/net/tun"
#define VNET_HEADER 12 /* struct virtio_net_hdr_v1 */

enum cl_status cl_podnet_error(struct cl_err *err, int code, const char *what)
{
    return cl_err_set(err, CL_ERR_SYS, "pod network: %s: %s", what, nl_geterror(code));
}

struct job {
    int netns_fd;
    enum cl_status (*work)(void *ctx, struct cl_err *err);
    void *ctx;
    enum cl_status status;
    struct cl_err *err;
};

static enum cl_status set_up(struct nl_sock *nl, int index, uint32_t mtu, struct cl_err *err)
{
    struct rtnl_link *which = rtnl_link_alloc();
    struct rtnl_link *change = rtnl_link_alloc();
    int rc = -NLE_NOMEM;
    if (which != NULL && change != NULL) {
        rtnl_link_set_ifindex(which, index);
        rtnl_link_set_mtu(change, mtu);
        rtnl_link_set_flags(change, IFF_UP);
        rc = rtnl_link_change(nl, which, change, 0);
    }
    rtnl_link_put(which);
    rtnl_link_put(change);
    return rc == 0 ? CL_OK : cl_podnet_error(err, rc, "tap");
}

/* A tap of the namespace that the thread is in. */
static enum cl_status make_tap(unsigned number, int *ret_fd, int *ret_index, struct cl_err *err)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int header = VNET_HEADER;
    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "tap%u_cloister", number);
    CL_CLEANUP(cl_close_fdp) int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return cl_err_sys(err, errno, "pod network: open '" TUN_DEVICE "'");
    }
    if (ioctl(fd, TUNSETIFF, &r) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) != 0) {
        return cl_err_sys(err, errno, "pod network: tap '%s'", r.ifr_name);
    }
    *ret_index = (int)if_nametoindex(r.ifr_name);
    if (*ret_index == 0) {
        return cl_err_sys(err, errno, "pod network: tap '%s'", r.ifr_name);
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

static enum cl_status join_one(struct nl_sock *nl, struct cl_podnet_interface *i, unsigned number,
                               int index, struct cl_err *err)
{
    int tap = 0;
    CL_TRY(make_tap(number, &i->tap_fd, &tap, err));
    CL_TRY(set_up(nl, tap, i->mtu, err));
    CL_TRY(cl_podnet_redirect(nl, index, tap, err));
    return cl_podnet_redirect(nl, tap, index, err);
}

static enum cl_status join_all(struct nl_sock *nl, struct cl_podnet *n, struct cl_err *err)
{
    int index[CL_PODNET_INTERFACES];
    enum cl_status st = cl_podnet_read(nl, n, index, err);
    for (unsigned i = 0; i < n->interface_count && st == CL_OK; i++) {
        st = join_one(nl, &n->interface[i], i, index[i], err);
    }
    for (unsigned i = 0; i < n->interface_count && st != CL_OK; i++) {
        cl_podnet_unredirect(nl, index[i]);
    }
    return st;
}

static enum cl_status leave_all(struct nl_sock *nl, struct cl_err *err)
{
    struct cl_podnet n = {0};
    int index[CL_PODNET_INTERFACES];
    CL_TRY(cl_podnet_read(nl, &n, index, err));
    for (unsigned i = 0; i < n.interface_count; i++) {
        cl_podnet_unredirect(nl, index[i]);
    }
    return CL_OK;
}

static void *work_main(void *arg)
{
    struct job *j = arg;
    j->status = setns(j->netns_fd, CLONE_NEWNET) == 0
                    ? j->work(j->ctx, j->err)
                    : cl_err_sys(j->err, errno, "pod network: enter the namespace");
    return NULL;
}

enum cl_status cl_podnet_inside(const char *netns,
                                enum cl_status (*work)(void *ctx, struct cl_err *err), void *ctx,
                                struct cl_err *err)
{
    struct statfs fs;
    pthread_t thread;
    CL_CLEANUP(cl_close_fdp) int fd = open(netns, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return cl_err_sys(err, errno, "pod network: open '%s'", netns);
    }
    if (fstatfs(fd, &fs) != 0 || fs.f_type != NSFS_MAGIC) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "pod network: '%s': expected a network namespace, got another file",
                          netns);
    }
    struct job j = {.netns_fd = fd, .work = work, .ctx = ctx, .err = err};
    int rc = pthread_create(&thread, NULL, work_main, &j);
    if (rc != 0) {
        return cl_err_sys(err, rc, "pod network: thread");
    }
    (void)pthread_join(thread, NULL);
    return j.status;
}

static enum cl_status connect_netlink(struct nl_sock **ret_nl, struct cl_err *err)
{
    struct nl_sock *nl = nl_socket_alloc();
    if (nl == NULL) {
        return cl_err_nomem(err, "pod network: netlink");
    }
    int rc = nl_connect(nl, NETLINK_ROUTE);
    if (rc != 0) {
        nl_socket_free(nl);
        return cl_podnet_error(err, rc, "netlink");
    }
    *ret_nl = nl;
    return CL_OK;
}

static enum cl_status join_work(void *ctx, struct cl_err *err)
{
    struct nl_sock *nl = NULL;
    CL_TRY(connect_netlink(&nl, err));
    enum cl_status st = join_all(nl, ctx, err);
    nl_socket_free(nl);
    return st;
}

static enum cl_status leave_work(void *ctx, struct cl_err *err)
{
    struct nl_sock *nl = NULL;
    (void)ctx;
    CL_TRY(connect_netlink(&nl, err));
    enum cl_status st = leave_all(nl, err);
    nl_socket_free(nl);
    return st;
}

enum cl_status cl_podnet_join(const char *netns, struct cl_podnet *ret, struct cl_err *err)
{
    *ret = (struct cl_podnet){0};
    enum cl_status st = cl_podnet_inside(netns, join_work, ret, err);
    if (st != CL_OK) {
        cl_podnet_done(ret);
    }
    return st;
}

void cl_podnet_done(struct cl_podnet *n)
{
    for (unsigned i = 0; i < n->interface_count; i++) {
        cl_close_fdp(&n->interface[i].tap_fd);
    }
    n->interface_count = 0;
}

enum cl_status cl_podnet_leave(const char *netns, struct cl_err *err)
{
    if (access(netns, F_OK) != 0 && errno == ENOENT) {
        return CL_OK;
    }
    return cl_podnet_inside(netns, leave_work, NULL, err);
}
