/* SPDX-License-Identifier: Apache-2.0
 * collateral_server.c - see collateral_server.h. Answers are written byte by byte, so that they can
 * be wrong in any way.
 */
#include "collateral_server.h"

#include "base/encode.h"
#include "collateral_world.h"

#include <arpa/inet.h>
#include <check.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_DOC CW_COUNT
#define PATH_SIZE 2048

static volatile uint32_t *counter;
static SSL_CTX *tls;             /* NULL: plain */
static char seen[64][PATH_SIZE]; /* URLs that were told to come back */
static size_t seen_count;

struct answer {
    enum cw_doc doc, chain;
    const char *chain_header;
    bool crl;
};

/* --- what the real services serve --- */

static bool find_answer(const char *path, struct answer *a)
{
    static const struct {
        const char *path; /* '*' at the end: anything may follow */
        struct answer answer;
    } table[] = {
        {"/vcek/v1/Milan/cert_chain", {CW_AMD_CHAIN, NO_DOC, NULL, false}},
        {"/vlek/v1/Milan/cert_chain", {CW_AMD_VLEK_CHAIN, NO_DOC, NULL, false}},
        {"/vcek/v1/Milan/crl", {CW_AMD_CRL, NO_DOC, NULL, true}},
        {"/vlek/v1/Milan/crl", {CW_AMD_CRL, NO_DOC, NULL, true}},
        {"/vcek/v1/Milan/c1c1c1c1c1c1c1c1*", {CW_AMD_VCEK, NO_DOC, NULL, false}},
        {"/tdx/certification/v4/tcb?fmspc=b0c06f000000",
         {CW_TCB_INFO, CW_TCB_CHAIN, "TCB-Info-Issuer-Chain", false}},
        {"/tdx/certification/v4/qe/identity",
         {CW_QE_IDENTITY, CW_TCB_CHAIN, "SGX-Enclave-Identity-Issuer-Chain", false}},
        {"/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
         {CW_PCK_CRL, CW_PCK_CHAIN, "SGX-PCK-CRL-Issuer-Chain", true}},
        {"/sgx/certification/v4/pckcrl?ca=processor&encoding=der",
         {CW_PROCESSOR_CRL, CW_PROCESSOR_CHAIN, "SGX-PCK-CRL-Issuer-Chain", true}},
        {"/sgx/certification/v4/rootcacrl", {CW_ROOT_CRL, NO_DOC, NULL, true}},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(table); i++) {
        size_t n = strlen(table[i].path);
        bool prefix = table[i].path[n - 1] == '*';
        if (prefix ? strncmp(path, table[i].path, n - 1) == 0 : strcmp(path, table[i].path) == 0) {
            *a = table[i].answer;
            return true;
        }
    }
    return false;
}

/* The wrong documents of the modes that serve some. */
static void replace(const char *mode, struct answer *a)
{
    static const struct {
        const char *mode;
        enum cw_doc instead_of, doc;
    } table[] = {
        {"product", CW_AMD_CHAIN, CW_GENOA_CHAIN},     {"product", CW_TCB_INFO, CW_OTHER_TCB_INFO},
        {"chain", CW_AMD_CHAIN, CW_FOREIGN_CHAIN},     {"chip", CW_AMD_VCEK, CW_OTHER_VCEK},
        {"forged", CW_AMD_CRL, CW_FORGED_CRL},         {"forged", CW_TCB_INFO, CW_FORGED_TCB_INFO},
        {"expired", CW_TCB_INFO, CW_EXPIRED_TCB_INFO},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(table); i++) {
        if (strcmp(mode, table[i].mode) == 0 && a->doc == table[i].instead_of) {
            a->doc = table[i].doc;
            return;
        }
    }
}

/* --- writing --- */

static void close_when_written(struct bufferevent *bev, void *ctx)
{
    (void)ctx;
    if (evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
        bufferevent_free(bev);
    }
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    (void)ctx;
    if ((what & BEV_EVENT_CONNECTED) == 0) { /* TLS: the handshake is done */
        bufferevent_free(bev);
    }
}

static void finish(struct bufferevent *bev)
{
    bufferevent_setcb(bev, NULL, close_when_written, on_event, NULL);
    if (evbuffer_get_length(bufferevent_get_output(bev)) == 0) {
        bufferevent_free(bev);
    }
}

static void add_header_chain(struct evbuffer *out, const char *name, const struct cl_buf *pem)
{
    evbuffer_add_printf(out, "%s: ", name);
    for (size_t i = 0; i < pem->len; i++) {
        char c = (char)pem->data[i];
        if (c == '\n' || c == ' ' || c == '+' || c == '/' || c == '=') {
            evbuffer_add_printf(out, "%%%02X", (unsigned)c);
        } else {
            evbuffer_add(out, &c, 1);
        }
    }
    evbuffer_add_printf(out, "\r\n");
}

static void send_status(struct bufferevent *bev, const char *status, const char *headers)
{
    evbuffer_add_printf(bufferevent_get_output(bev),
                        "HTTP/1.1 %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n", status,
                        headers);
    finish(bev);
}

static void send_doc(struct bufferevent *bev, const char *mode, const struct answer *a)
{
    struct evbuffer *out = bufferevent_get_output(bev);
    const struct cl_buf *doc = cw_doc(a->doc);
    bool hex = strcmp(mode, "hex") == 0 && a->crl;
    bool half = strcmp(mode, "stall") == 0 || strcmp(mode, "cut") == 0;
    evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n",
                        hex ? 2 * doc->len : doc->len);
    if (a->chain != NO_DOC && strcmp(mode, "badchain") == 0) {
        evbuffer_add_printf(out, "%s: %%2d%%2dnothing\r\n", a->chain_header);
    } else if (a->chain != NO_DOC && strcmp(mode, "nochain") != 0) {
        add_header_chain(out, a->chain_header, cw_doc(a->chain));
        if (strcmp(mode, "twochains") == 0) {
            add_header_chain(out, a->chain_header, cw_doc(a->chain));
        }
    }
    evbuffer_add_printf(out, "\r\n");
    if (hex) {
        char *text = malloc(2 * doc->len + 1);
        cl_hex(text, doc->data, doc->len);
        evbuffer_add(out, text, 2 * doc->len);
        free(text);
    } else {
        evbuffer_add(out, doc->data, half ? doc->len / 2 : doc->len);
    }
    if (strcmp(mode, "stall") != 0) {
        finish(bev);
    }
}

static void send_more(struct bufferevent *bev, void *ctx)
{
    static const char page[4096] = "endless";
    (void)ctx;
    bufferevent_write(bev, page, sizeof(page));
}

static void send_big(struct bufferevent *bev, bool endless)
{
    struct evbuffer *out = bufferevent_get_output(bev);
    if (endless) {
        evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        bufferevent_setcb(bev, NULL, send_more, on_event, NULL);
        return;
    }
    size_t n = (1u << 20) + 1;
    char *body = calloc(1, n);
    evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
    evbuffer_add(out, body, n);
    free(body);
    finish(bev);
}

static void send_headers(struct bufferevent *bev)
{
    struct evbuffer *out = bufferevent_get_output(bev);
    evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\n");
    for (unsigned i = 0; i < 300; i++) {
        evbuffer_add_printf(out, "X-%u: %01000d\r\n", i, 0);
    }
    evbuffer_add_printf(out, "Content-Length: 0\r\n\r\n");
    finish(bev);
}

/* True once for each URL. */
static bool first_time(const char *url)
{
    for (size_t i = 0; i < seen_count; i++) {
        if (strcmp(seen[i], url) == 0) {
            return false;
        }
    }
    if (seen_count < CL_ARRAY_LEN(seen)) {
        (void)snprintf(seen[seen_count++], PATH_SIZE, "%s", url);
    }
    return true;
}

/* Modes that do not depend on what is asked for. True when the answer is given. */
static bool send_fixed(struct bufferevent *bev, const char *mode, const char *url)
{
    static const struct {
        const char *mode, *status, *headers;
        bool once;
    } table[] = {
        {"busy", "429 Too Many Requests", "Retry-After: 1\r\n", true},
        {"busy503", "503 Service Unavailable", "", true},
        {"later", "429 Too Many Requests", "Retry-After: 3600\r\n", false},
        {"missing", "404 Not Found", "", false},
        {"error", "500 Internal Server Error", "", false},
        {"redirect", "302 Found", "Location: http://127.0.0.2/x\r\n", false},
        {"moved", "301 Moved Permanently", "Location: /ok/vcek/v1/Milan/crl\r\n", false},
        {"empty", "200 OK", "", false},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(table); i++) {
        if (strcmp(mode, table[i].mode) == 0 && (!table[i].once || first_time(url))) {
            send_status(bev, table[i].status, table[i].headers);
            return true;
        }
    }
    if (strcmp(mode, "garbage") == 0) {
        evbuffer_add_printf(
            bufferevent_get_output(bev),
            "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n<html>hello there</html>");
        finish(bev);
        return true;
    }
    if (strcmp(mode, "big") == 0 || strcmp(mode, "endless") == 0) {
        send_big(bev, mode[0] == 'e');
        return true;
    }
    if (strcmp(mode, "headers") == 0) {
        send_headers(bev);
        return true;
    }
    return strcmp(mode, "silent") == 0;
}

/* url: "/MODE/rest" */
static void answer(struct bufferevent *bev, const char *url)
{
    char mode[32];
    struct answer a;
    const char *path = strchr(url + 1, '/');
    (void)snprintf(mode, sizeof(mode), "%.*s", path != NULL ? (int)(path - url - 1) : 0, url + 1);
    (*counter)++;
    if (strcmp(mode, "down") == 0) {
        bufferevent_free(bev);
        return;
    }
    if (send_fixed(bev, mode, url)) {
        return;
    }
    if (path == NULL || !find_answer(path, &a)) {
        send_status(bev, "404 Not Found", "");
        return;
    }
    if (strcmp(mode, "slow") == 0) {
        usleep(300000);
    }
    replace(mode, &a);
    send_doc(bev, mode, &a);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
    char url[PATH_SIZE];
    struct evbuffer *in = bufferevent_get_input(bev);
    (void)ctx;
    if (evbuffer_search(in, "\r\n\r\n", 4, NULL).pos < 0) {
        return;
    }
    char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
    bool good = line != NULL && sscanf(line, "GET %2047s HTTP/1.1", url) == 1;
    free(line);
    evbuffer_drain(in, evbuffer_get_length(in));
    if (good) {
        answer(bev, url);
    } else {
        send_status(bev, "400 Bad Request", "");
    }
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *addr, int len,
                      void *ctx)
{
    (void)l;
    (void)addr;
    (void)len;
    struct bufferevent *bev =
        tls == NULL ? bufferevent_socket_new(ctx, fd, BEV_OPT_CLOSE_ON_FREE)
                    : bufferevent_openssl_socket_new(
                          ctx, fd, SSL_new(tls), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static _Noreturn void serve(int fd)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves no server */
    (void)signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    struct evconnlistener *l =
        evconnlistener_new(base, on_accept, base, LEV_OPT_CLOSE_ON_FREE, 0, fd);
    if (l != NULL) {
        event_base_dispatch(base);
    }
    _exit(1);
}

void server_start(struct collateral_server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(a);
    void *shared =
        mmap(NULL, sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    s->requests = shared;
    counter = shared;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, len), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
    s->pid = fork();
    ck_assert_int_ge(s->pid, 0);
    if (s->pid == 0) {
        serve(fd);
    }
    (void)close(fd);
}

static void make_certificate(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    FILE *f = fopen(path, "w");
    ck_assert(key != NULL && x != NULL && f != NULL);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    ck_assert_int_eq(X509_set_version(x, X509_VERSION_3), 1);
    ck_assert_int_eq(ASN1_INTEGER_set(X509_get_serialNumber(x), 1), 1);
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(x), -3600));
    ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
    X509_NAME *name = X509_get_subject_name(x);
    ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                (const unsigned char *)"server", -1, -1, 0),
                     1);
    ck_assert_int_eq(X509_set_issuer_name(x, name), 1);
    ck_assert_int_eq(X509_add_ext(x, san, -1), 1);
    ck_assert_int_eq(X509_set_pubkey(x, key), 1);
    ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
    ck_assert_int_eq(PEM_write_X509(f, x), 1);
    (void)fclose(f);
    tls = SSL_CTX_new(TLS_server_method());
    ck_assert_int_eq(SSL_CTX_use_certificate(tls, x), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_EXTENSION_free(san);
    X509_free(x);
    EVP_PKEY_free(key);
}

void server_start_tls(struct collateral_server *s, const char *cert_path)
{
    make_certificate(cert_path);
    server_start(s);
    SSL_CTX_free(tls); /* the server's process has its own */
    tls = NULL;
}

void server_stop(struct collateral_server *s)
{
    (void)kill(s->pid, SIGKILL);
    (void)waitpid(s->pid, NULL, 0);
    (void)munmap((void *)(uintptr_t)s->requests, sizeof(uint32_t));
}
