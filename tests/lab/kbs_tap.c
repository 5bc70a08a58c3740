/* SPDX-License-Identifier: Apache-2.0
 * kbs_tap.c - a relay that ends the guest's TLS, for tests: the worst case, in which the host has
 * stolen the broker's TLS key. usage: kbs_tap LISTEN-PORT BROKER-PORT CERT KEY RECORD-DIR
 *   RECORD-DIR/N.request, N.response   each message of HTTP, in the clear, as it was sent on
 *   RECORD-DIR/edit                    if there: lines "request|response FIELD VALUE"; the string
 *                                      value of a JSON member is replaced by one of the same length
 *                                      ("~": its first character changes)
 *   RECORD-DIR/hold                    if there: attest requests are kept from the broker
 * With CERT "-" nothing is ended or understood: bytes pass, and are appended to RECORD-DIR/raw.
 * Trust: a test tool. Processes: one per connection.
 */
#include "base/buf.h"
#include "base/io.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_MESSAGE (8u << 20)

static const char *record_dir;

static int tcp(const char *port, bool server)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    int rc = server ? bind(fd, (const struct sockaddr *)&a, sizeof(a))
                    : connect(fd, (const struct sockaddr *)&a, sizeof(a));
    if (rc != 0 || (server && listen(fd, 16) != 0)) {
        perror("kbs_tap");
        _exit(5);
    }
    return fd;
}

/* Bytes of the body that the header asks for. */
static size_t content_length(const char *head)
{
    for (const char *p = head; (p = strchr(p, '\n')) != NULL; p++) {
        if (strncasecmp(p + 1, "content-length:", 15) == 0) {
            return strtoul(p + 16, NULL, 10);
        }
    }
    return 0;
}

/* One whole message. False: the other side has gone. */
static bool read_message(SSL *ssl, struct cl_buf *out)
{
    const char *text = NULL;
    for (;;) {
        int n = 0;
        if (cl_buf_reserve(out, 16384, NULL) == CL_OK) {
            n = SSL_read(ssl, out->data + out->len, 16384);
        }
        if (n <= 0 || out->len > MAX_MESSAGE) {
            return false;
        }
        out->len += (size_t)n;
        if (cl_buf_cstr(out, "message", &text, NULL) != CL_OK) {
            return false;
        }
        const char *body = strstr(text, "\r\n\r\n");
        if (body != NULL && out->len >= (size_t)(body + 4 - text) + content_length(text)) {
            return true;
        }
    }
}

static void set_member(struct cl_buf *message, const char *field, const char *value)
{
    char name[80];
    const char *text = NULL;
    (void)snprintf(name, sizeof(name), "\"%.70s\":\"", field);
    if (cl_buf_cstr(message, "message", &text, NULL) != CL_OK) {
        return;
    }
    const char *found = strstr(text, name);
    if (found == NULL) {
        return;
    }
    uint8_t *at = message->data + (found - text) + strlen(name);
    if (strcmp(value, "~") == 0) {
        at[0] = at[0] == 'A' ? 'B' : 'A';
    } else {
        memcpy(at, value, strcspn((const char *)at, "\""));
    }
}

static void edit(struct cl_buf *message, const char *side)
{
    char path[256];
    char which[16];
    char field[72];
    char value[256];
    (void)snprintf(path, sizeof(path), "%s/edit", record_dir);
    FILE *f = fopen(path, "re");
    while (f != NULL && fscanf(f, "%15s %71s %255s", which, field, value) == 3) {
        if (strcmp(which, side) == 0) {
            set_member(message, field, value);
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
}

static void save(const struct cl_buf *message, unsigned number, const char *side)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%d-%u.%s", record_dir, (int)getpid(), number, side);
    if (cl_write_file(path, message->data, message->len, 0600, NULL) != CL_OK) {
        _exit(5);
    }
}

static bool send_all(SSL *ssl, const struct cl_buf *message)
{
    return SSL_write(ssl, message->data, (int)message->len) == (int)message->len;
}

static bool held(const struct cl_buf *request)
{
    static const char attest[] = "POST /kbs/v0/attest";
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/hold", record_dir);
    return access(path, F_OK) == 0 && request->len > sizeof(attest) &&
           memcmp(request->data, attest, sizeof(attest) - 1) == 0;
}

static void serve(SSL *guest, SSL *broker)
{
    static const char kept[] = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"
                               "Content-Length: 32\r\n\r\n{\"type\":\"held\",\"detail\":\"a tap\"}";
    for (unsigned number = 0;; number++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf request = {0};
        CL_CLEANUP(cl_buf_done) struct cl_buf response = {0};
        if (!read_message(guest, &request)) {
            return;
        }
        edit(&request, "request");
        save(&request, number, "request");
        if (held(&request)) {
            (void)SSL_write(guest, kept, sizeof(kept) - 1);
            return;
        }
        if (!send_all(broker, &request) || !read_message(broker, &response)) {
            return;
        }
        edit(&response, "response");
        save(&response, number, "response");
        if (!send_all(guest, &response)) {
            return;
        }
    }
}

static void connection(SSL_CTX *server, SSL_CTX *client, int fd, const char *broker_port)
{
    SSL *guest = SSL_new(server);
    SSL *broker = SSL_new(client);
    if (guest != NULL && broker != NULL && SSL_set_fd(guest, fd) == 1 && SSL_accept(guest) == 1 &&
        SSL_set_fd(broker, tcp(broker_port, /* server= */ false)) == 1 &&
        SSL_connect(broker) == 1) {
        serve(guest, broker);
        (void)SSL_shutdown(guest);
    }
    SSL_free(guest);
    SSL_free(broker);
    (void)close(fd);
}

static void raw_connection(int client, const char *port)
{
    static uint8_t buf[65536];
    char path[256];
    int server = tcp(port, /* server= */ false);
    struct pollfd p[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    (void)snprintf(path, sizeof(path), "%s/raw", record_dir);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    while (file >= 0 && (p[0].fd >= 0 || p[1].fd >= 0)) {
        if (poll(p, 2, -1) < 0) {
            return;
        }
        for (int i = 0; i < 2; i++) {
            int to = i == 0 ? server : client;
            ssize_t n = p[i].fd >= 0 && p[i].revents != 0 ? read(p[i].fd, buf, sizeof(buf)) : -2;
            if (n > 0 && (cl_write_all(file, buf, (size_t)n, path, NULL) != CL_OK ||
                          cl_write_all(to, buf, (size_t)n, "connection", NULL) != CL_OK)) {
                return;
            }
            if (n == 0 || n == -1) {
                (void)shutdown(to, SHUT_WR);
                p[i].fd = -1;
            }
        }
    }
}

int main(int argc, char **argv)
{
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());
    SSL_CTX *client = SSL_CTX_new(TLS_client_method());
    cl_log_init("kbs_tap", false);
    bool raw = argc == 6 && strcmp(argv[3], "-") == 0;
    if (argc != 6 || server == NULL || client == NULL ||
        (!raw && (SSL_CTX_use_certificate_chain_file(server, argv[3]) != 1 ||
                  SSL_CTX_use_PrivateKey_file(server, argv[4], SSL_FILETYPE_PEM) != 1))) {
        (void)fprintf(stderr, "usage: kbs_tap LISTEN-PORT BROKER-PORT CERT KEY RECORD-DIR\n");
        ERR_print_errors_fp(stderr);
        return 2;
    }
    record_dir = argv[5];
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_IGN);
    int listener = tcp(argv[1], /* server= */ true);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        if (fork() == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (raw) {
                raw_connection(fd, argv[2]);
            } else {
                connection(server, client, fd, argv[2]);
            }
            _exit(0);
        }
        (void)close(fd);
    }
}
