/* SPDX-License-Identifier: Apache-2.0
 * qgs.c - messages and their exchange; see qgs.h.
 */
#include "qgs.h"

#include "base/bytes.h"
#include "base/io.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LENGTH_SIZE 4u /* big-endian, before a message; the message is little-endian */
#define HEADER_SIZE 16u
#define MAJOR 1u
#define MINOR 1u
#define GET_QUOTE_REQUEST 0u
#define GET_QUOTE_RESPONSE 1u

static const char *service_word(uint32_t error)
{
    static const char *const words[] = {
        "unexpected error",        "out of memory", "invalid parameter", "invalid version",
        "invalid type of message", "invalid size",  "invalid code"};
    uint32_t index = error - 0x12001u;
    return index < CL_ARRAY_LEN(words) ? words[index] : "an error of its own";
}

void vmm_qgs_request(uint8_t ret[static VMM_QGS_REQUEST_SIZE],
                     const uint8_t report[static VMM_QGS_REPORT_SIZE])
{
    struct cl_writer w = cl_writer_init(ret, VMM_QGS_REQUEST_SIZE);
    cl_writer_be32(&w, VMM_QGS_REQUEST_SIZE - LENGTH_SIZE);
    cl_writer_le16(&w, MAJOR);
    cl_writer_le16(&w, MINOR);
    cl_writer_le32(&w, GET_QUOTE_REQUEST);
    cl_writer_le32(&w, VMM_QGS_REQUEST_SIZE - LENGTH_SIZE);
    cl_writer_le32(&w, 0); /* error code */
    cl_writer_le32(&w, VMM_QGS_REPORT_SIZE);
    cl_writer_le32(&w, 0); /* no list of ids */
    cl_writer_bytes(&w, report, VMM_QGS_REPORT_SIZE);
}

static enum cl_status read_header(struct cl_reader *r, size_t len, struct cl_err *err)
{
    uint16_t major = cl_reader_le16(r, "major version");
    (void)cl_reader_le16(r, "minor version"); /* only adds */
    uint32_t type = cl_reader_le32(r, "type");
    uint32_t size = cl_reader_le32(r, "size");
    uint32_t error = cl_reader_le32(r, "error code");
    CL_TRY(cl_reader_check(r, "quote service", err));
    if (major != MAJOR) {
        return cl_err_set(err, CL_ERR_UNSUPPORTED, "quote service: version: expected %u, got %u",
                          MAJOR, (unsigned)major);
    }
    if (type != GET_QUOTE_RESPONSE || size != len) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "quote service: expected type 1 of %zu bytes, got type %u of %u", len,
                          (unsigned)type, (unsigned)size);
    }
    if (error != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "quote service: it answered 0x%x, %s",
                          (unsigned)error, service_word(error));
    }
    return CL_OK;
}

enum cl_status vmm_qgs_response(const uint8_t *data, size_t len, const uint8_t **ret_quote,
                                size_t *ret_size, struct cl_err *err)
{
    struct cl_reader r = cl_reader_init(data, len);
    CL_TRY(read_header(&r, len, err));
    uint32_t id_size = cl_reader_le32(&r, "size of the id");
    uint32_t quote_size = cl_reader_le32(&r, "size of the quote");
    cl_reader_skip(&r, id_size, "id");
    const uint8_t *quote = cl_reader_bytes(&r, quote_size, "quote");
    CL_TRY(cl_reader_finish(&r, "quote service", err));
    if (quote_size == 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "quote service: expected a quote, got none");
    }
    *ret_quote = quote;
    *ret_size = quote_size;
    return CL_OK;
}

/* Until fd can be read or written; never longer than there is time. */
static enum cl_status wait_for(const struct vmm_qgs *q, int fd, short events, struct cl_err *err)
{
    for (;;) {
        uint64_t now = cl_monotonic_us();
        struct pollfd p[] = {{.fd = fd, .events = events}, {.fd = q->stop_fd, .events = POLLIN}};
        int left = now < q->deadline_us ? (int)((q->deadline_us - now) / 1000) + 1 : 0;
        int n = poll(p, CL_ARRAY_LEN(p), left);
        if (n < 0 && errno != EINTR) {
            return cl_err_sys(err, errno, "quote service: poll");
        }
        if (n == 0) {
            return cl_err_sys(err, ETIMEDOUT, "quote service");
        }
        if (n > 0 && p[1].revents != 0) {
            return cl_err_sys(err, ECANCELED, "quote service");
        }
        if (n > 0) {
            return CL_OK;
        }
    }
}

static enum cl_status send_all(const struct vmm_qgs *q, int fd, const uint8_t *data, size_t size,
                               struct cl_err *err)
{
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return cl_err_sys(err, errno, "quote service: send");
        }
        if (n < 0) {
            CL_TRY(wait_for(q, fd, POLLOUT, err));
            continue;
        }
        data += n;
        size -= (size_t)n;
    }
    return CL_OK;
}

static enum cl_status receive_all(const struct vmm_qgs *q, int fd, uint8_t *data, size_t size,
                                  struct cl_err *err)
{
    while (size > 0) {
        CL_TRY(wait_for(q, fd, POLLIN, err));
        ssize_t n = recv(fd, data, size, MSG_DONTWAIT);
        if (n == 0) {
            return cl_err_set(err, CL_ERR_TRUNCATED,
                              "quote service: expected %zu bytes more, got the end", size);
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return cl_err_sys(err, errno, "quote service: receive");
        }
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return CL_OK;
}

/* The socket that came with an answer of the dialer, or -1. */
static int passed_fd(struct msghdr *msg)
{
    int fd = -1;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h != NULL; h = CMSG_NXTHDR(msg, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
            h->cmsg_len == CMSG_LEN(sizeof(int))) {
            cl_close_fdp(&fd);
            memcpy(&fd, CMSG_DATA(h), sizeof(fd));
        }
    }
    return fd;
}

static enum cl_status receive_dial(const struct vmm_qgs *q, struct vmm_dial *ret_answer,
                                   int *ret_fd, struct cl_err *err)
{
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = ret_answer, .iov_len = sizeof(*ret_answer)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.buf,
                         .msg_controllen = sizeof(control.buf)};
    ssize_t n = recvmsg(q->dial_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n != (ssize_t)sizeof(*ret_answer)) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "quote service: the process that connects to it is gone");
    }
    *ret_fd = passed_fd(&msg);
    return CL_OK;
}

/* Answers to what we gave up waiting for may come first. */
static enum cl_status dial(struct vmm_qgs *q, int *ret_fd, struct cl_err *err)
{
    struct vmm_dial want = {.number = ++q->number};
    if (send(q->dial_fd, &want, sizeof(want), MSG_NOSIGNAL | MSG_DONTWAIT) !=
        (ssize_t)sizeof(want)) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE,
                          "quote service: the process that connects to it is gone, or waits");
    }
    for (;;) {
        struct vmm_dial answer = {0};
        CL_CLEANUP(cl_close_fdp) int fd = -1;
        CL_TRY(wait_for(q, q->dial_fd, POLLIN, err));
        CL_TRY(receive_dial(q, &answer, &fd, err));
        if (answer.number != want.number) {
            continue;
        }
        if (fd < 0) {
            return cl_err_set(err, CL_ERR_UNAVAILABLE, "quote service: connect: %s",
                              strerror(answer.error));
        }
        *ret_fd = fd;
        fd = -1;
        return CL_OK;
    }
}

enum cl_status vmm_qgs_exchange(struct vmm_qgs *q, const uint8_t report[static VMM_QGS_REPORT_SIZE],
                                uint8_t *buffer, const uint8_t **ret_quote, size_t *ret_size,
                                struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int fd = -1;
    CL_TRY(dial(q, &fd, err));
    vmm_qgs_request(buffer, report);
    CL_TRY(send_all(q, fd, buffer, VMM_QGS_REQUEST_SIZE, err));
    cl_be32 length;
    CL_TRY(receive_all(q, fd, length.b, sizeof(length), err));
    uint32_t size = cl_be32_get(&length);
    if (size < HEADER_SIZE || size > VMM_QGS_MESSAGE_MAX) {
        return cl_err_set(err, CL_ERR_MALFORMED, "quote service: length: expected %u..%u, got %u",
                          HEADER_SIZE, VMM_QGS_MESSAGE_MAX, (unsigned)size);
    }
    CL_TRY(receive_all(q, fd, buffer, size, err));
    return vmm_qgs_response(buffer, size, ret_quote, ret_size, err);
}
