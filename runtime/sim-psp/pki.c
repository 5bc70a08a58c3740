/* SPDX-License-Identifier: Apache-2.0
 * pki.c - loading the PKI, and the order between processes that start at once.
 * Trust: files of our own; what does not fit together is refused, never mended.
 */
#include "pki.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/secret.h"
#include "cloister/snp_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE 16384u

const struct cl_snp_tcb psp_tcb = {.bootloader = 4, .tee = 0, .snp = 24, .microcode = 219};

enum cl_status psp_path(char ret[static PSP_PATH_SIZE], const char *dir, const char *name,
                        struct cl_err *err)
{
    int n = snprintf(ret, PSP_PATH_SIZE, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= PSP_PATH_SIZE) {
        return cl_err_sys(err, ENAMETOOLONG, "state directory '%.64s...'", dir);
    }
    return CL_OK;
}

static void put_integer(struct psp_extension *e, const char *tail, uint8_t v)
{
    *e = (struct psp_extension){.tail = tail};
    e->value[e->len++] = 0x02;
    e->value[e->len++] = v < 0x80 ? 1 : 2;
    if (v >= 0x80) { /* DER integers are signed */
        e->value[e->len++] = 0;
    }
    e->value[e->len++] = v;
}

void psp_pki_extensions(const uint8_t chip_id[static PSP_CHIP_ID_SIZE],
                        struct psp_extension ret[static PSP_EXTENSION_COUNT])
{
    static const uint8_t product[] = {0x16, 8, 'M', 'i', 'l', 'a', 'n', '-', 'B', '0'};
    put_integer(&ret[0], "1", 0); /* structVersion of Milan */
    ret[1] = (struct psp_extension){.tail = "2", .len = sizeof(product)};
    memcpy(ret[1].value, product, sizeof(product));
    put_integer(&ret[2], "3.1", psp_tcb.bootloader);
    put_integer(&ret[3], "3.2", psp_tcb.tee);
    put_integer(&ret[4], "3.3", psp_tcb.snp);
    put_integer(&ret[5], "3.4", 0);
    put_integer(&ret[6], "3.5", 0);
    put_integer(&ret[7], "3.6", 0);
    put_integer(&ret[8], "3.7", 0);
    put_integer(&ret[9], "3.8", psp_tcb.microcode);
    ret[10] = (struct psp_extension){.tail = "4", .len = PSP_CHIP_ID_SIZE};
    memcpy(ret[10].value, chip_id, PSP_CHIP_ID_SIZE);
}

void psp_pki_done(struct psp_pki *pki)
{
    cl_buf_done(&pki->ark_der);
    cl_buf_done(&pki->ask_der);
    cl_buf_done(&pki->vcek_der);
    EVP_PKEY_free(pki->vcek_key);
    *pki = (struct psp_pki){0};
}

static enum cl_status load_file(const char *dir, const char *name, struct cl_buf *out,
                                struct cl_err *err)
{
    char path[PSP_PATH_SIZE];
    CL_TRY(psp_path(path, dir, name, err));
    return cl_buf_read_file(out, path, MAX_FILE, err);
}

static enum cl_status load_key(const char *dir, EVP_PKEY **ret_key, struct cl_err *err)
{
    char path[PSP_PATH_SIZE];
    struct cl_secret pem = {0};
    CL_TRY(psp_path(path, dir, "vcek.key", err));
    CL_TRY(cl_secret_read_file(&pem, path, MAX_FILE, err));
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    cl_secret_done(&pem);
    ERR_clear_error();
    if (key == NULL || !EVP_PKEY_is_a(key, "EC")) {
        EVP_PKEY_free(key);
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "key '%s': contents: expected an EC key in PEM, "
                          "got something else",
                          path);
    }
    *ret_key = key;
    return CL_OK;
}

static enum cl_status load_chip_id(const char *dir, uint8_t ret[static PSP_CHIP_ID_SIZE],
                                   struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    const char *hex = NULL;
    CL_TRY(load_file(dir, "chip-id", &text, err));
    CL_TRY(cl_buf_cstr(&text, "chip-id", &hex, err));
    return cl_unhex(ret, PSP_CHIP_ID_SIZE, hex, "chip-id", err);
}

/* The certificate carries this chip and this TCB, and the key is its own. */
static bool vcek_fits(const struct psp_pki *pki, X509 *x)
{
    struct psp_extension want[PSP_EXTENSION_COUNT];
    psp_pki_extensions(pki->chip_id, want);
    bool good = X509_check_private_key(x, pki->vcek_key) == 1;
    for (size_t i = 0; good && i < PSP_EXTENSION_COUNT; i++) {
        char oid[64];
        (void)snprintf(oid, sizeof(oid), PSP_AMD_ARC "%s", want[i].tail);
        ASN1_OBJECT *obj = OBJ_txt2obj(oid, /* no_name= */ 1);
        int at = obj != NULL ? X509_get_ext_by_OBJ(x, obj, -1) : -1;
        const ASN1_OCTET_STRING *s = at >= 0 ? X509_EXTENSION_get_data(X509_get_ext(x, at)) : NULL;
        good = s != NULL && ASN1_STRING_length(s) == (int)want[i].len &&
               memcmp(ASN1_STRING_get0_data(s), want[i].value, want[i].len) == 0;
        ASN1_OBJECT_free(obj);
    }
    ERR_clear_error();
    return good;
}

static enum cl_status load(const char *dir, struct psp_pki *pki, struct cl_err *err)
{
    CL_TRY(load_file(dir, "ark.der", &pki->ark_der, err));
    uint8_t root[48];
    enum cl_status st = psp_pki_root(pki, root, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "state directory '%s': ark.der", dir);
    }
    CL_TRY(load_file(dir, "ask.der", &pki->ask_der, err));
    CL_TRY(load_file(dir, "vcek.der", &pki->vcek_der, err));
    CL_TRY(load_chip_id(dir, pki->chip_id, err));
    CL_TRY(load_key(dir, &pki->vcek_key, err));
    const unsigned char *p = pki->vcek_der.data;
    X509 *x = d2i_X509(NULL, &p, (long)pki->vcek_der.len);
    bool good = x != NULL && vcek_fits(pki, x);
    X509_free(x);
    if (!good) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "state directory '%s': vcek.der: expected the chip, TCB and key of this "
                          "processor, got others",
                          dir);
    }
    return CL_OK;
}

/* Opens and locks DIR/lock; the lock goes with the descriptor. */
static enum cl_status lock_dir(const char *dir, int *ret_fd, struct cl_err *err)
{
    char path[PSP_PATH_SIZE];
    CL_TRY(psp_path(path, dir, "lock", err));
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "make directory '%s'", dir);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return cl_err_sys(err, errno, "open '%s'", path);
    }
    int rc = 0;
    do {
        rc = flock(fd, LOCK_EX);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0) {
        enum cl_status st = cl_err_sys(err, errno, "lock '%s'", path);
        (void)close(fd);
        return st;
    }
    *ret_fd = fd;
    return CL_OK;
}

enum cl_status psp_pki_open(struct psp_pki *ret_pki, const char *dir, struct cl_err *err)
{
    char last[PSP_PATH_SIZE];
    CL_CLEANUP(cl_close_fdp) int lock = -1;
    CL_CLEANUP(psp_pki_done) struct psp_pki pki = {0};
    CL_TRY(psp_path(last, dir, "vcek.der", err));
    CL_TRY(lock_dir(dir, &lock, err));
    if (access(last, F_OK) != 0) {
        if (errno != ENOENT) {
            return cl_err_sys(err, errno, "look at '%s'", last);
        }
        CL_TRY(psp_pki_make(dir, err));
    }
    CL_TRY(load(dir, &pki, err));
    *ret_pki = pki;
    pki = (struct psp_pki){0};
    return CL_OK;
}

enum cl_status psp_pki_root(const struct psp_pki *pki, uint8_t ret[static 48], struct cl_err *err)
{
    return cl_snp_root_digest(pki->ark_der.data, pki->ark_der.len, ret, err);
}
