/* SPDX-License-Identifier: Apache-2.0
 * podfwd.c - two listening sockets and the program that brings every connection to them. Trust,
 * threads, memory: net/podfwd.h.
 */
#include "net/podfwd.h"

#include "base/bytes.h"
#include "base/io.h"
#include "podnet_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOPBACK_NET 127u

/* --- sockets ---------------------------------------------------------------------------------- */

static enum cl_status loopback_up(struct cl_err *err)
{
    struct ifreq r = {.ifr_name = "lo"};
    CL_CLEANUP(cl_close_fdp) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) != 0) {
        return cl_err_sys(err, errno, "port-forward: loopback interface");
    }
    if ((r.ifr_flags & IFF_UP) == 0) {
        r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
        if (ioctl(fd, SIOCSIFFLAGS, &r) != 0) {
            return cl_err_sys(err, errno, "port-forward: loopback interface");
        }
    }
    return CL_OK;
}

static enum cl_status listen_on(bool ipv6, int *ret_fd, struct cl_err *err)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {0};
    socklen_t len = ipv6 ? sizeof(a.in6) : sizeof(a.in);
    if (ipv6) {
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_addr = in6addr_loopback;
    } else {
        a.in.sin_family = AF_INET;
        a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    CL_CLEANUP(cl_close_fdp)
    int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, &a.any, len) != 0 || listen(fd, CL_PODFWD_BACKLOG) != 0) {
        return cl_err_sys(err, errno, "port-forward: listen on %s", ipv6 ? "::1" : "127.0.0.1");
    }
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}

/* --- the program ------------------------------------------------------------------------------ */

static int bpf(int command, union bpf_attr *attr)
{
    return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static uint64_t address_of(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* The sockets by number: 0 for IPv4, 1 for IPv6. */
static enum cl_status make_map(const struct cl_podfwd *f, int *ret_fd, struct cl_err *err)
{
    union bpf_attr attr;
    (void)memset(&attr, 0, sizeof(attr));
    attr.map_type = BPF_MAP_TYPE_SOCKMAP;
    attr.key_size = sizeof(uint32_t);
    attr.value_size = sizeof(uint64_t);
    attr.max_entries = CL_ARRAY_LEN(f->listener);
    CL_CLEANUP(cl_close_fdp) int map = bpf(BPF_MAP_CREATE, &attr);
    if (map < 0) {
        return cl_err_sys(err, errno, "port-forward: BPF map");
    }
    for (uint32_t i = 0; i < CL_ARRAY_LEN(f->listener); i++) {
        uint64_t fd = (uint64_t)f->listener[i];
        union bpf_attr put;
        (void)memset(&put, 0, sizeof(put));
        put.map_fd = (uint32_t)map;
        put.key = address_of(&i);
        put.value = address_of(&fd);
        if (f->listener[i] >= 0 && bpf(BPF_MAP_UPDATE_ELEM, &put) != 0) {
            return cl_err_sys(err, errno, "port-forward: BPF map");
        }
    }
    *ret_fd = map;
    map = -1;
    return CL_OK;
}

/* Instructions, in the order of their fields: what, to, from, where, number. */
#define FIELD(name) ((int16_t)offsetof(struct bpf_sk_lookup, name))
#define LOAD(to, name)                                                                             \
    {                                                                                              \
        BPF_LDX | BPF_MEM | BPF_W, to, BPF_REG_6, FIELD(name), 0                                   \
    }
#define UNLESS(reg, number, skip)                                                                  \
    {                                                                                              \
        BPF_JMP32 | BPF_JNE | BPF_K, reg, 0, skip, number                                          \
    }
#define MOVE(to, from)                                                                             \
    {                                                                                              \
        BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0                                                \
    }
#define SET(reg, number)                                                                           \
    {                                                                                              \
        BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, number                                             \
    }
#define KEY(number)                                                                                \
    {                                                                                              \
        BPF_ST | BPF_MEM | BPF_W, BPF_REG_10, 0, -4, number                                        \
    }
#define CALL(function)                                                                             \
    {                                                                                              \
        BPF_JMP | BPF_CALL, 0, 0, 0, function                                                      \
    }

/* if (protocol == TCP && local address is of 127.0.0.0/8 or ::1 && map[family] is there)
 *     assign(map[family]);
 * return PASS;
 * Addresses are in network order: this machine's is little-endian. A connection that is not ours,
 * or could not be assigned, finds what it would find without us. */
static int load_program(int map)
{
    const struct bpf_insn program[] = {
        /*  0 */ MOVE(BPF_REG_6, BPF_REG_1),
        /*  1 */ LOAD(BPF_REG_2, protocol),
        /*  2 */ UNLESS(BPF_REG_2, IPPROTO_TCP, 30),
        /*  3 */ LOAD(BPF_REG_2, family),
        /*  4 */ UNLESS(BPF_REG_2, AF_INET, 5),
        /*  5 */ LOAD(BPF_REG_2, local_ip4),
        /*  6 */ {BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xff},
        /*  7 */ UNLESS(BPF_REG_2, LOOPBACK_NET, 25),
        /*  8 */ KEY(0),
        /*  9 */ {BPF_JMP | BPF_JA, 0, 0, 10, 0},
        /* 10 */ UNLESS(BPF_REG_2, AF_INET6, 22),
        /* 11 */ LOAD(BPF_REG_2, local_ip6[0]),
        /* 12 */ UNLESS(BPF_REG_2, 0, 20),
        /* 13 */ LOAD(BPF_REG_2, local_ip6[1]),
        /* 14 */ UNLESS(BPF_REG_2, 0, 18),
        /* 15 */ LOAD(BPF_REG_2, local_ip6[2]),
        /* 16 */ UNLESS(BPF_REG_2, 0, 16),
        /* 17 */ LOAD(BPF_REG_2, local_ip6[3]),
        /* 18 */ UNLESS(BPF_REG_2, 0x01000000, 14),
        /* 19 */ KEY(1),
        /* 20 */ {BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_FD, 0, map},
        /* 21 */ {0},
        /* 22 */ MOVE(BPF_REG_2, BPF_REG_10),
        /* 23 */ {BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -4},
        /* 24 */ CALL(BPF_FUNC_map_lookup_elem),
        /* 25 */ {BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 7, 0},
        /* 26 */ MOVE(BPF_REG_7, BPF_REG_0),
        /* 27 */ MOVE(BPF_REG_1, BPF_REG_6),
        /* 28 */ MOVE(BPF_REG_2, BPF_REG_7),
        /* 29 */ SET(BPF_REG_3, 0),
        /* 30 */ CALL(BPF_FUNC_sk_assign),
        /* 31 */ MOVE(BPF_REG_1, BPF_REG_7),
        /* 32 */ CALL(BPF_FUNC_sk_release),
        /* 33 */ SET(BPF_REG_0, SK_PASS),
        /* 34 */ {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
    };
    union bpf_attr attr;
    (void)memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_SK_LOOKUP;
    attr.expected_attach_type = BPF_SK_LOOKUP;
    attr.insns = address_of(program);
    attr.insn_cnt = CL_ARRAY_LEN(program);
    attr.license = address_of("Apache-2.0");
    return bpf(BPF_PROG_LOAD, &attr);
}

/* To the namespace that the thread is in. The link holds the program, the program the map. */
static enum cl_status attach(struct cl_podfwd *f, struct cl_err *err)
{
    union bpf_attr attr;
    CL_CLEANUP(cl_close_fdp) int map = -1;
    CL_TRY(make_map(f, &map, err));
    CL_CLEANUP(cl_close_fdp) int program = load_program(map);
    if (program < 0) {
        return cl_err_sys(err, errno, "port-forward: BPF program");
    }
    CL_CLEANUP(cl_close_fdp) int netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (netns < 0) {
        return cl_err_sys(err, errno, "port-forward: namespace");
    }
    (void)memset(&attr, 0, sizeof(attr));
    attr.link_create.prog_fd = (uint32_t)program;
    attr.link_create.target_fd = (uint32_t)netns;
    attr.link_create.attach_type = BPF_SK_LOOKUP;
    f->link_fd = bpf(BPF_LINK_CREATE, &attr);
    return f->link_fd >= 0 ? CL_OK : cl_err_sys(err, errno, "port-forward: BPF link");
}

/* --- all of it -------------------------------------------------------------------------------- */

static enum cl_status open_work(void *ctx, struct cl_err *err)
{
    struct cl_podfwd *f = ctx;
    struct cl_err no_ipv6 = {0};
    CL_TRY(loopback_up(err));
    CL_TRY(listen_on(false, &f->listener[0], err));
    if (listen_on(true, &f->listener[1], &no_ipv6) != CL_OK && no_ipv6.sys_errno != EADDRNOTAVAIL &&
        no_ipv6.sys_errno != EAFNOSUPPORT) {
        return cl_err_set(err, CL_ERR_SYS, "%s", no_ipv6.msg);
    }
    enum cl_status st = attach(f, err);
    bool absent =
        st == CL_ERR_SYS && err != NULL && (err->sys_errno == EINVAL || err->sys_errno == ENOSYS);
    return absent ? cl_err_wrap(err, CL_ERR_UNSUPPORTED, "this kernel") : st;
}

enum cl_status cl_podfwd_open(const char *netns, struct cl_podfwd *ret, struct cl_err *err)
{
    *ret = (struct cl_podfwd){.listener = {-1, -1}, .link_fd = -1};
    enum cl_status st = cl_podnet_inside(netns, open_work, ret, err);
    if (st != CL_OK) {
        cl_podfwd_close(ret);
    }
    return st;
}

void cl_podfwd_close(struct cl_podfwd *f)
{
    int *const fds[] = {&f->link_fd, &f->listener[0], &f->listener[1]};
    for (size_t i = 0; i < CL_ARRAY_LEN(fds); i++) {
        cl_close_fdp(fds[i]);
        *fds[i] = -1;
    }
}

enum cl_status cl_podfwd_accept(int listener, int *ret_fd, uint16_t *ret_port, struct cl_err *err)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {0};
    socklen_t len = sizeof(a);
    CL_CLEANUP(cl_close_fdp) int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        bool none = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
        enum cl_status st = cl_err_sys(err, errno, "port-forward: accept");
        return none ? CL_ERR_UNAVAILABLE : st;
    }
    if (getsockname(fd, &a.any, &len) != 0) {
        return cl_err_sys(err, errno, "port-forward: accept");
    }
    *ret_port = ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
    *ret_fd = fd;
    fd = -1;
    return CL_OK;
}
