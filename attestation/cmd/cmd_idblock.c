/* SPDX-License-Identifier: Apache-2.0
 * cmd_idblock.c - `cloister idblock make|sign|verify`: ID blocks of SEV-SNP, keys from files.
 * Trust: the user's command line; files may be hostile. Threads: one. Memory: constant; private
 * keys in locked memory while they are read.
 */
#include "cloister/attestation_cmd.h"

#include "base/buf.h"
#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/secret.h"
#include "cloister/snp_idblock.h"

#include <errno.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_KEY_FILE 16384u

enum opt {
    OPT_OUT = 1,
    OPT_MEASUREMENT,
    OPT_FAMILY,
    OPT_IMAGE,
    OPT_SVN,
    OPT_POLICY,
    OPT_BLOCK,
    OPT_AUTH,
    OPT_ID_KEY,
    OPT_AUTHOR_KEY,
    OPT_ID_DIGEST,
    OPT_AUTHOR_DIGEST,
    OPT_JSON,
    OPT_HELP,
    OPT_COUNT,
};

struct options {
    const char *v[OPT_COUNT];     /* as they were written; NULL: not given */
    struct cl_snp_id_block block; /* out of the values for it */
    uint8_t id_digest[CL_SNP_ID_DIGEST_SIZE], author_digest[CL_SNP_ID_DIGEST_SIZE];
};

struct command {
    const char *prog;
    const char *help;
    const struct option *options;
    enum opt needed[3]; /* 0: no more */
    enum cl_status (*run)(const struct options *o, struct cl_err *err);
    const char *hint; /* when the answer is that it cannot tell */
};

static const char *option_name(const struct command *c, enum opt which)
{
    const struct option *p = c->options;
    while (p->val != (int)which) {
        p++;
    }
    return p->name;
}

static enum cl_status parse(const struct command *c, int argc, char **argv, struct options *o,
                            struct cl_err *err)
{
    opterr = 0;
    optind = 0; /* the dispatcher may have been here before: start anew */
    for (int k = 0; (k = getopt_long(argc, argv, ":", c->options, NULL)) != -1;) {
        if (k <= 0 || k >= (int)OPT_COUNT) {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "option: expected one of --help's list with its value, got another");
        }
        o->v[k] = optarg != NULL ? optarg : "";
        if (k == OPT_HELP) {
            return CL_OK;
        }
    }
    if (optind != argc) {
        return cl_err_set(err, CL_ERR_MALFORMED, "argument: expected none, got '%s'", argv[optind]);
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(c->needed) && c->needed[i] != 0; i++) {
        if (o->v[c->needed[i]] == NULL) {
            return cl_err_set(err, CL_ERR_MALFORMED, "--%s: expected a value, got nothing",
                              option_name(c, c->needed[i]));
        }
    }
    return CL_OK;
}

static enum cl_status take_hex(const char *text, const char *field, uint8_t *ret, size_t n,
                               struct cl_err *err)
{
    return text != NULL ? cl_unhex(ret, n, text, field, err) : CL_OK;
}

static enum cl_status one_of(const char *file, const char *digest, const char *field,
                             struct cl_err *err)
{
    return file == NULL || digest == NULL
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a key file or a digest, got both",
                            field);
}

static enum cl_status take_values(struct options *o, struct cl_err *err)
{
    struct cl_snp_id_block *b = &o->block;
    const char *const *v = o->v;
    uint64_t svn = 0;
    b->policy = CL_SNP_ID_POLICY_DEFAULT;
    CL_TRY(take_hex(v[OPT_MEASUREMENT], "--measurement", b->measurement, 48, err));
    CL_TRY(take_hex(v[OPT_FAMILY], "--family-id", b->family_id, 16, err));
    CL_TRY(take_hex(v[OPT_IMAGE], "--image-id", b->image_id, 16, err));
    CL_TRY(take_hex(v[OPT_ID_DIGEST], "--id-key-digest", o->id_digest, 48, err));
    CL_TRY(take_hex(v[OPT_AUTHOR_DIGEST], "--author-key-digest", o->author_digest, 48, err));
    CL_TRY(one_of(v[OPT_ID_KEY], v[OPT_ID_DIGEST], "--id-key", err));
    CL_TRY(one_of(v[OPT_AUTHOR_KEY], v[OPT_AUTHOR_DIGEST], "--author-key", err));
    if (v[OPT_SVN] != NULL) {
        CL_TRY(cl_uint_parse(v[OPT_SVN], "--guest-svn", 0, UINT32_MAX, &svn, err));
    }
    b->guest_svn = (uint32_t)svn;
    return v[OPT_POLICY] != NULL ? cl_hex_uint_parse(v[OPT_POLICY], "--policy", 16, &b->policy, err)
                                 : CL_OK;
}

static int run_command(const struct command *c, int argc, char **argv)
{
    struct cl_err err = {0};
    struct options o = {0};
    enum cl_status st = parse(c, argc, argv, &o, &err);
    if (st == CL_OK && o.v[OPT_HELP] != NULL) {
        printf("%s", c->help);
        return 0;
    }
    st = st == CL_OK ? take_values(&o, &err) : st;
    if (st != CL_OK) {
        return cl_usage_error(c->prog, "%s", err.msg);
    }
    st = c->run(&o, &err);
    if (st == CL_OK) {
        return 0;
    }
    return cl_fail(&err, st == CL_ERR_UNAVAILABLE ? c->hint : NULL);
}

/* ---- files ---- */

static enum cl_status read_bytes(const char *path, const char *what, size_t max, struct cl_buf *out,
                                 struct cl_err *err)
{
    enum cl_status st = cl_buf_read_file(out, path, max, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "%s", what);
}

static void key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

/* Private keys must be their owner's alone. */
static enum cl_status check_mode(const char *path, struct cl_err *err)
{
    struct stat sb;
    if (stat(path, &sb) == 0 && S_ISREG(sb.st_mode) && (sb.st_mode & 077) != 0) {
        return cl_err_set(err, CL_ERR_REJECTED, "key '%s': mode: expected 0600, got %04o", path,
                          (unsigned)(sb.st_mode & 07777));
    }
    return CL_OK;
}

/* "no password": OpenSSL would ask at the terminal otherwise. */
static int no_password(char *buf, int size, int writing, void *ctx)
{
    (void)buf, (void)size, (void)writing, (void)ctx;
    return -1;
}

static enum cl_status read_key(const char *path, bool private_half, EVP_PKEY **ret_key,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_secret_done) struct cl_secret pem = {0};
    if (private_half) {
        CL_TRY(check_mode(path, err));
    }
    enum cl_status st = cl_secret_read_file(&pem, path, MAX_KEY_FILE, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "key");
    }
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    if (bio == NULL) {
        return cl_err_nomem(err, "key");
    }
    EVP_PKEY *key = private_half ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
                                 : PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (key == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "key '%s': expected a %s key in PEM, got something else", path,
                          private_half ? "private" : "public");
    }
    *ret_key = key;
    return CL_OK;
}

/* The digest of the public key in a file, if one was named. */
static enum cl_status take_key_digest(const char *file, uint8_t ret[static CL_SNP_ID_DIGEST_SIZE],
                                      struct cl_err *err)
{
    CL_CLEANUP(key_freep) EVP_PKEY *key = NULL;
    if (file == NULL) {
        return CL_OK;
    }
    CL_TRY(read_key(file, /* private_half= */ false, &key, err));
    enum cl_status st = cl_snp_id_key_digest(key, ret, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "key '%s'", file);
}

static json_t *hex_json(const void *data, size_t n)
{
    char hex[2 * CL_SNP_ID_DIGEST_SIZE + 1];
    cl_hex(hex, data, n);
    return json_string(hex);
}

static enum cl_status print_json(json_t *j, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    if (j == NULL) {
        return cl_err_nomem(err, "ID block as JSON");
    }
    CL_TRY(cl_json_compact(j, &text, err));
    printf("%s\n", (const char *)text.data);
    return CL_OK;
}

static enum cl_status flush(struct cl_err *err)
{
    return fflush(stdout) == 0 ? CL_OK : cl_err_sys(err, errno, "write 'stdout'");
}

/* ---- make ---- */

static enum cl_status make(const struct options *o, struct cl_err *err)
{
    uint8_t raw[CL_SNP_ID_BLOCK_SIZE];
    cl_snp_id_block_encode(&o->block, raw);
    return cl_write_file(o->v[OPT_OUT], raw, sizeof(raw), 0644, err);
}

static const struct option make_options[] = {
    {"measurement", required_argument, NULL, OPT_MEASUREMENT},
    {"family-id", required_argument, NULL, OPT_FAMILY},
    {"image-id", required_argument, NULL, OPT_IMAGE},
    {"guest-svn", required_argument, NULL, OPT_SVN},
    {"policy", required_argument, NULL, OPT_POLICY},
    {"out", required_argument, NULL, OPT_OUT},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static const struct command make_command = {
    .prog = "cloister idblock make",
    .help = "usage: cloister idblock make --measurement HEX --out FILE [OPTION]...\n\n"
            "Writes an ID block: what a launch must be, for a key to sign.\n\n"
            "  --measurement HEX   the launch digest (cloister measure snp)\n"
            "  --family-id HEX     16 bytes; default zero\n"
            "  --image-id HEX      16 bytes; default zero\n"
            "  --guest-svn N       security version of the guest; default 0\n"
            "  --policy HEX        guest policy; default 30000\n"
            "  --out FILE          96 bytes\n\n"
            "example: cloister idblock make --measurement $(cloister measure snp --cpus 2) \\\n"
            "           --out guest.idblock\n",
    .options = make_options,
    .needed = {OPT_MEASUREMENT, OPT_OUT},
    .run = make,
};

static int idblock_make(int argc, char **argv)
{
    return run_command(&make_command, argc, argv);
}

/* ---- sign ---- */

static enum cl_status print_keys(const struct options *o, EVP_PKEY *id_key, EVP_PKEY *author_key,
                                 struct cl_err *err)
{
    uint8_t id[CL_SNP_ID_DIGEST_SIZE], author[CL_SNP_ID_DIGEST_SIZE];
    char hex[2 * CL_SNP_ID_DIGEST_SIZE + 1];
    CL_TRY(cl_snp_id_key_digest(id_key, id, err));
    if (author_key != NULL) {
        CL_TRY(cl_snp_id_key_digest(author_key, author, err));
    }
    if (o->v[OPT_JSON] != NULL) {
        CL_CLEANUP(cl_json_decrefp)
        json_t *j = json_pack("{s:s,s:o,s:o}", "schema", "cloister.idblock/1", "id_key_digest",
                              hex_json(id, sizeof(id)), "author_key_digest",
                              author_key != NULL ? hex_json(author, sizeof(author)) : json_null());
        CL_TRY(print_json(j, err));
        return flush(err);
    }
    cl_hex(hex, id, sizeof(id));
    printf("id key digest      %s\n", hex);
    if (author_key != NULL) {
        cl_hex(hex, author, sizeof(author));
        printf("author key digest  %s\n", hex);
    }
    return flush(err);
}

static enum cl_status sign(const struct options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf block = {0};
    CL_CLEANUP(key_freep) EVP_PKEY *id_key = NULL;
    CL_CLEANUP(key_freep) EVP_PKEY *author_key = NULL;
    struct cl_snp_id_block b;
    uint8_t auth[CL_SNP_ID_AUTH_SIZE];
    CL_TRY(read_bytes(o->v[OPT_BLOCK], "ID block", CL_SNP_ID_BLOCK_SIZE, &block, err));
    enum cl_status st = cl_snp_id_block_decode(block.data, block.len, &b, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "'%s'", o->v[OPT_BLOCK]);
    }
    CL_TRY(read_key(o->v[OPT_ID_KEY], /* private_half= */ true, &id_key, err));
    if (o->v[OPT_AUTHOR_KEY] != NULL) {
        CL_TRY(read_key(o->v[OPT_AUTHOR_KEY], /* private_half= */ true, &author_key, err));
    }
    CL_TRY(cl_snp_id_auth_sign(block.data, id_key, author_key, auth, err));
    CL_TRY(cl_write_file(o->v[OPT_OUT], auth, sizeof(auth), 0644, err));
    return print_keys(o, id_key, author_key, err);
}

static const struct option sign_options[] = {
    {"id-block", required_argument, NULL, OPT_BLOCK},
    {"id-key", required_argument, NULL, OPT_ID_KEY},
    {"author-key", required_argument, NULL, OPT_AUTHOR_KEY},
    {"out", required_argument, NULL, OPT_OUT},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static const struct command sign_command = {
    .prog = "cloister idblock sign",
    .help = "usage: cloister idblock sign --id-block FILE --id-key FILE [--author-key FILE]\n"
            "                             --out FILE [--json]\n\n"
            "Signs an ID block and prints the digests of the keys, which every report shows.\n\n"
            "  --id-block FILE    of idblock make\n"
            "  --id-key FILE      P-384 private key in PEM, mode 0600: signs the block\n"
            "  --author-key FILE  the same: signs the ID key\n"
            "  --out FILE         ID authentication information, 4096 bytes\n"
            "  --json\n\n"
            "example: cloister idblock sign --id-block guest.idblock --id-key id.pem \\\n"
            "           --out guest.idauth\n",
    .options = sign_options,
    .needed = {OPT_BLOCK, OPT_ID_KEY, OPT_OUT},
    .run = sign,
};

static int idblock_sign(int argc, char **argv)
{
    return run_command(&sign_command, argc, argv);
}

/* ---- verify ---- */

static json_t *checks_json(const struct cl_verify_result *r)
{
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < r->check_count; i++) {
        const struct cl_check *c = &r->checks[i];
        json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:s}", "id", c->id, "status",
                              cl_check_status_name(c->status), "expected", c->expected, "actual",
                              c->actual, "why", c->why);
        if (json_array_append_new(list, j) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static enum cl_status verify_json(const struct cl_snp_id_facts *f, const struct cl_verify_result *r,
                                  struct cl_err *err)
{
    const struct cl_snp_id_block *b = &f->block;
    char policy[17];
    (void)snprintf(policy, sizeof(policy), "%016llx", (unsigned long long)b->policy);
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:I,s:s,s:o,s:o,s:o}", "schema", "cloister.idblock/1", "verdict",
        cl_verdict_name(r->verdict), "measurement", hex_json(b->measurement, 48), "family_id",
        hex_json(b->family_id, 16), "image_id", hex_json(b->image_id, 16), "guest_svn",
        (json_int_t)b->guest_svn, "policy", policy, "id_key_digest", hex_json(f->id_key_digest, 48),
        "author_key_digest", f->has_author ? hex_json(f->author_key_digest, 48) : json_null(),
        "checks", checks_json(r));
    return print_json(j, err);
}

static void verify_text(const struct cl_snp_id_facts *f, const struct cl_verify_result *r)
{
    char hex[2 * CL_SNP_ID_DIGEST_SIZE + 1];
    printf("%s\n", cl_verdict_name(r->verdict));
    for (size_t i = 0; i < r->check_count; i++) {
        const struct cl_check *c = &r->checks[i];
        printf("  %-8s %s", cl_check_status_name(c->status), c->id);
        if (c->status == CL_CHECK_FAIL) {
            printf(": expected %s, got %s", c->expected, c->actual);
        }
        printf("%s%s\n", c->why[0] != '\0' ? ": " : "", c->why);
    }
    cl_hex(hex, f->block.measurement, sizeof(f->block.measurement));
    printf("measurement        %s\n", hex);
    cl_hex(hex, f->id_key_digest, sizeof(f->id_key_digest));
    printf("id key digest      %s\n", hex);
    if (f->has_author) {
        cl_hex(hex, f->author_key_digest, sizeof(f->author_key_digest));
        printf("author key digest  %s\n", hex);
    }
}

static enum cl_status verify(const struct options *o, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf block = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf auth = {0};
    CL_CLEANUP(cl_verify_result_freep) struct cl_verify_result *r = NULL;
    struct cl_snp_id_facts facts;
    struct cl_snp_id_block b;
    uint8_t id[CL_SNP_ID_DIGEST_SIZE], author[CL_SNP_ID_DIGEST_SIZE];
    const char *block_file = o->v[OPT_BLOCK], *auth_file = o->v[OPT_AUTH];
    memcpy(id, o->id_digest, sizeof(id));
    memcpy(author, o->author_digest, sizeof(author));
    CL_TRY(take_key_digest(o->v[OPT_ID_KEY], id, err));
    CL_TRY(take_key_digest(o->v[OPT_AUTHOR_KEY], author, err));
    bool has_id = o->v[OPT_ID_KEY] != NULL || o->v[OPT_ID_DIGEST] != NULL;
    bool has_author = o->v[OPT_AUTHOR_KEY] != NULL || o->v[OPT_AUTHOR_DIGEST] != NULL;
    const struct cl_snp_id_policy policy = {
        .measurement = o->v[OPT_MEASUREMENT] != NULL ? o->block.measurement : NULL,
        .id_key_digest = has_id ? id : NULL,
        .author_key_digest = has_author ? author : NULL,
        .has_policy = o->v[OPT_POLICY] != NULL,
        .policy = o->block.policy,
    };
    CL_TRY(read_bytes(block_file, "ID block", CL_SNP_ID_BLOCK_SIZE, &block, err));
    CL_TRY(read_bytes(auth_file, "ID authentication information", CL_SNP_ID_AUTH_SIZE, &auth, err));
    enum cl_status st = cl_snp_id_block_decode(block.data, block.len, &b, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "'%s'", block_file);
    }
    st = cl_snp_id_verify(block.data, block.len, auth.data, auth.len, &policy, &facts, &r, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "'%s'", auth_file);
    }
    if (o->v[OPT_JSON] != NULL) {
        CL_TRY(verify_json(&facts, r, err));
    } else {
        verify_text(&facts, r);
    }
    CL_TRY(flush(err));
    st = cl_verify_result_status(r, err);
    return st == CL_OK ? CL_OK : cl_err_wrap(err, st, "idblock '%s'", block_file);
}

static const struct option verify_options[] = {
    {"id-block", required_argument, NULL, OPT_BLOCK},
    {"id-auth", required_argument, NULL, OPT_AUTH},
    {"measurement", required_argument, NULL, OPT_MEASUREMENT},
    {"policy", required_argument, NULL, OPT_POLICY},
    {"id-key", required_argument, NULL, OPT_ID_KEY},
    {"author-key", required_argument, NULL, OPT_AUTHOR_KEY},
    {"id-key-digest", required_argument, NULL, OPT_ID_DIGEST},
    {"author-key-digest", required_argument, NULL, OPT_AUTHOR_DIGEST},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static const struct command verify_command = {
    .prog = "cloister idblock verify",
    .help = "usage: cloister idblock verify --id-block FILE --id-auth FILE [OPTION]...\n\n"
            "Checks an ID block as the security processor does at launch, and compares it.\n\n"
            "  --id-block FILE, --id-auth FILE\n"
            "  --id-key FILE            the key that must have signed: public key in PEM, or\n"
            "  --id-key-digest HEX      its digest as a report shows it\n"
            "  --author-key FILE, --author-key-digest HEX\n"
            "  --measurement HEX        the launch digest that the block must state\n"
            "  --policy HEX             the guest policy that it must state\n"
            "  --json\n\n"
            "Compared with nothing the answer is exit status 3: anybody can sign a block.\n\n"
            "example: cloister idblock verify --id-block guest.idblock --id-auth guest.idauth \\\n"
            "           --id-key id.pub\n",
    .options = verify_options,
    .needed = {OPT_BLOCK, OPT_AUTH},
    .run = verify,
    .hint = "give --id-key, --id-key-digest, --measurement or another value to compare with",
};

static int idblock_verify(int argc, char **argv)
{
    return run_command(&verify_command, argc, argv);
}

int cl_cmd_idblock(int argc, char **argv)
{
    static const struct cl_cmd table[] = {
        {"make", idblock_make, "write the block: digest, names, policy"},
        {"sign", idblock_sign, "sign it with an ID key and an author key"},
        {"verify", idblock_verify, "check a signed block and compare it"},
        {0},
    };
    return cl_cmd_dispatch(table, "cloister idblock",
                           "cloister idblock sign --id-block F --id-key K --out A", argc, argv);
}
