/* SPDX-License-Identifier: Apache-2.0
 * podnet_tc.c - traffic control: an ingress queueing discipline, and in it one u32 filter that
 * matches everything and redirects it (matchall is not in every kernel). Trust: podnet.h.
 */
#include "podnet_internal.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/qdisc.h>
#include <time.h>

#define INGRESS_HANDLE 0xffff0000u /* ffff:0 */
#define FILTER_PRIORITY 1
#define BUSY_TRIES 20 /* of 10 ms */

static struct rtnl_qdisc *ingress(int index)
{
    struct rtnl_qdisc *q = rtnl_qdisc_alloc();
    if (q != NULL) {
        rtnl_tc_set_ifindex(TC_CAST(q), index);
        rtnl_tc_set_parent(TC_CAST(q), TC_H_INGRESS);
        rtnl_tc_set_handle(TC_CAST(q), INGRESS_HANDLE);
        if (rtnl_tc_set_kind(TC_CAST(q), "ingress") != 0) {
            rtnl_qdisc_put(q);
            return NULL;
        }
    }
    return q;
}

static enum cl_status add_ingress(struct nl_sock *nl, int index, struct cl_err *err)
{
    const struct timespec pause = {.tv_nsec = 10000000};
    struct rtnl_qdisc *q = ingress(index);
    if (q == NULL) {
        return cl_err_nomem(err, "pod network: queueing discipline");
    }
    int rc = -NLE_BUSY;
    for (int i = 0; i < BUSY_TRIES && rc == -NLE_BUSY; i++) {
        rc = rtnl_qdisc_add(nl, q, NLM_F_CREATE);
        if (rc == -NLE_BUSY) {
            (void)nanosleep(&pause, NULL);
        }
    }
    rtnl_qdisc_put(q);
    return rc == 0 ? CL_OK : cl_podnet_error(err, rc, "ingress queueing discipline");
}

/* The filter keeps a reference of its own. */
static int add_mirred(struct rtnl_cls *cls, int to)
{
    struct rtnl_act *act = rtnl_act_alloc();
    if (act == NULL) {
        return -NLE_NOMEM;
    }
    int rc = rtnl_tc_set_kind(TC_CAST(act), "mirred");
    rc = rc == 0 ? rtnl_mirred_set_action(act, TCA_EGRESS_REDIR) : rc;
    rc = rc == 0 ? rtnl_mirred_set_policy(act, TC_ACT_STOLEN) : rc;
    rc = rc == 0 ? rtnl_mirred_set_ifindex(act, (uint32_t)to) : rc;
    rc = rc == 0 ? rtnl_u32_add_action(cls, act) : rc;
    rtnl_act_put(act);
    return rc;
}

enum cl_status cl_podnet_redirect(struct nl_sock *nl, int from, int to, struct cl_err *err)
{
    CL_TRY(add_ingress(nl, from, err));
    struct rtnl_cls *cls = rtnl_cls_alloc();
    if (cls == NULL) {
        return cl_err_nomem(err, "pod network: filter");
    }
    rtnl_tc_set_ifindex(TC_CAST(cls), from);
    rtnl_tc_set_parent(TC_CAST(cls), INGRESS_HANDLE);
    rtnl_cls_set_prio(cls, FILTER_PRIORITY);
    rtnl_cls_set_protocol(cls, ETH_P_ALL);
    int rc = rtnl_tc_set_kind(TC_CAST(cls), "u32");
    rc = rc == 0 ? rtnl_u32_add_key_uint32(cls, 0, 0, 0, 0) : rc;
    rc = rc == 0 ? rtnl_u32_set_cls_terminal(cls) : rc;
    rc = rc == 0 ? add_mirred(cls, to) : rc;
    rc = rc == 0 ? rtnl_cls_add(nl, cls, NLM_F_CREATE) : rc;
    rtnl_cls_put(cls);
    return rc == 0 ? CL_OK : cl_podnet_error(err, rc, "redirection of an interface");
}

void cl_podnet_unredirect(struct nl_sock *nl, int index)
{
    struct rtnl_qdisc *q = ingress(index);
    if (q != NULL) {
        (void)rtnl_qdisc_delete(nl, q); /* there may be none */
        rtnl_qdisc_put(q);
    }
}
