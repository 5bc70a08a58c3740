/* SPDX-License-Identifier: Apache-2.0
 * cmd_image.c - `cloister image`: encrypt and inspect.
 * Trust: images are hostile; what is printed of them is escaped. Threads: one. Memory: one image.
 */
#include "image/image.h"
#include "image/keyprovider.h"
#include "image/signatures.h"

#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- encrypt
 * --------------------------------------------------------------------------------------- */

static const char encrypt_help[] =
    "usage: cloister image encrypt SRC DST --key-id kbs:///repository/type/tag [--key FILE]\n"
    "\n"
    "Encrypts every layer of SRC (oci:DIR[:TAG] or docker://...) into the new layout DST "
    "(oci:DIR[:TAG]),\n"
    "as ocicrypt does, with CoCo's annotation.\n"
    "  --key-id ID         where the broker will keep the key\n"
    "  --key FILE          the key: exactly 32 bytes. Without it a new one is made beside DST, as "
    "DIR.key\n"
    "  --registry-ca FILE  PEM of the CA of the registry of SRC\n"
    "example: cloister image encrypt oci:app:v1 oci:app-enc:v1 --key-id "
    "kbs:///default/image-kek/app --key kek.bin\n";

struct encrypt_args {
    const char *src, *dst, *key_id, *key, *registry_ca;
};

/* -1: go on; else the exit status. */
static int encrypt_parse(int argc, char **argv, struct encrypt_args *a)
{
    static const char prog[] = "cloister image encrypt";
    static const struct option options[] = {{"key-id", required_argument, NULL, 'i'},
                                            {"key", required_argument, NULL, 'k'},
                                            {"registry-ca", required_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (c) {
        case 'i':
            a->key_id = optarg;
            break;
        case 'k':
            a->key = optarg;
            break;
        case 'r':
            a->registry_ca = optarg;
            break;
        case 'h':
            (void)fputs(encrypt_help, stdout);
            return 0;
        case ':':
            return cl_usage_error(prog, "%s: expected a value, got none", argv[optind - 1]);
        default:
            return cl_usage_error(prog, "unknown option '%s'", argv[optind - 1]);
        }
    }
    if (argc - optind != 2) {
        return cl_usage_error(prog, "expected SRC and DST, got %d arguments", argc - optind);
    }
    if (a->key_id == NULL) {
        return cl_usage_error(prog, "--key-id: expected kbs:///repository/type/tag, got none");
    }
    a->src = argv[optind];
    a->dst = argv[optind + 1];
    return -1;
}

static enum cl_status encrypt_key(const struct encrypt_args *a, struct cl_secret *ret,
                                  struct cl_err *err)
{
    struct cl_image_ref ref;
    char path[4200];
    if (a->key != NULL) {
        return cl_keyprovider_load_key(a->key, false, ret, err);
    }
    CL_TRY(cl_image_ref_parse(a->dst, &ref, err));
    (void)snprintf(path, sizeof(path), "%s.key", ref.dir);
    if (access(path, F_OK) == 0) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "image encrypt: key '%.200s': expected no file where the new key goes, "
                          "got one",
                          path);
    }
    CL_TRY(cl_keyprovider_load_key(path, true, ret, err));
    (void)fprintf(stderr, "cloister: new key written to '%s'; give it to the broker as %s\n", path,
                  a->key_id);
    return CL_OK;
}

static int cmd_encrypt(int argc, char **argv)
{
    struct encrypt_args a = {0};
    int rc = encrypt_parse(argc, argv, &a);
    if (rc >= 0) {
        return rc;
    }
    struct cl_err err = {0};
    struct cl_image_options options = {.registry_ca = a.registry_ca};
    CL_CLEANUP(cl_image_freep) struct cl_image *src = NULL;
    CL_CLEANUP(cl_secret_done) struct cl_secret kek = {0};
    struct cl_image_encrypt how = {.key_id = a.key_id, .kek = &kek};
    uint8_t digest[CL_SHA256_SIZE];
    enum cl_status st = cl_image_open(a.src, &options, &src, &err);
    st = st == CL_OK ? encrypt_key(&a, &kek, &err) : st;
    st = st == CL_OK ? cl_image_encrypt(src, a.dst, &how, digest, &err) : st;
    if (st != CL_OK) {
        return cl_fail(&err, NULL);
    }
    char text[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(text, digest);
    (void)printf("%s\n", text);
    return 0;
}

/* --- inspect
 * --------------------------------------------------------------------------------------- */

static const char inspect_help[] =
    "usage: cloister image inspect IMAGE [--json] [--registry-ca FILE]\n"
    "\n"
    "Shows the platform manifest (linux/amd64) of IMAGE (oci:DIR[:TAG] or docker://...): digest, "
    "layers,\n"
    "which of them are encrypted and under which key ids, and what it would run.\n"
    "example: cloister image inspect oci:app-enc:v1\n";

static const char *compression_name(enum cl_oci_compression c)
{
    return c == CL_OCI_GZIP ? "gzip" : c == CL_OCI_ZSTD ? "zstd" : "none";
}

static json_t *layer_json(const struct cl_oci_layer *l)
{
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, l->desc.digest);
    json_t *kids = json_array();
    for (size_t i = 0; i < l->packet_count; i++) {
        (void)json_array_append_new(kids, json_string(l->packets[i].kid));
    }
    return json_pack("{s:s, s:s, s:I, s:s, s:b, s:o}", "media_type",
                     cl_oci_layer_type(l, l->encrypted), "digest", digest, "size",
                     (json_int_t)l->desc.size, "compression", compression_name(l->compression),
                     "encrypted", l->encrypted, "key_ids", kids);
}

static json_t *strv_json(const struct cl_strv *s)
{
    json_t *array = json_array();
    for (size_t i = 0; i < s->count; i++) {
        (void)json_array_append_new(array, json_string(s->v[i]));
    }
    return array;
}

static const char *encryption_word(const struct cl_oci_manifest *m)
{
    return cl_oci_manifest_all_encrypted(m)    ? "all"
           : cl_oci_manifest_none_encrypted(m) ? "none"
                                               : "some";
}

static json_t *image_json(const struct cl_image *image)
{
    const struct cl_oci_manifest *m = cl_image_manifest(image);
    const struct cl_oci_config *c = cl_image_config(image);
    char digest[CL_OCI_DIGEST_SIZE];
    char config[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, cl_image_manifest_digest(image));
    cl_oci_digest_format(config, m->config.digest);
    json_t *layers = json_array();
    for (size_t i = 0; i < m->layer_count; i++) {
        (void)json_array_append_new(layers, layer_json(&m->layers[i]));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:o, s:o, s:o, s:s?, s:s?}}", "schema",
                     "cloister.image/1", "manifest", digest, "config", config, "encrypted",
                     encryption_word(m), "layers", layers, "start", "entrypoint",
                     strv_json(&c->entrypoint), "cmd", strv_json(&c->cmd), "env",
                     strv_json(&c->env), "working_dir", c->working_dir, "user", c->user);
}

static int print_json(const struct cl_image *image)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = image_json(image);
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    struct cl_err err = {0};
    if (j == NULL) {
        (void)cl_err_nomem(&err, "image");
        return cl_fail(&err, NULL);
    }
    if (cl_json_compact(j, &out, &err) != CL_OK) {
        return cl_fail(&err, NULL);
    }
    (void)printf("%s\n", (const char *)out.data);
    return 0;
}

/* Hostile text on a line of its own, escaped as JSON is. */
static void print_list(const char *name, const struct cl_strv *s)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = strv_json(s);
    char *text = json_dumps(j, JSON_ENSURE_ASCII);
    if (s->count > 0 && text != NULL) {
        (void)printf("%-12s %s\n", name, text);
    }
    free(text);
}

static int print_text(const struct cl_image *image)
{
    const struct cl_oci_manifest *m = cl_image_manifest(image);
    char digest[CL_OCI_DIGEST_SIZE];
    cl_oci_digest_format(digest, cl_image_manifest_digest(image));
    (void)printf("%-12s %s\n%-12s %s\n", "manifest", digest, "encrypted", encryption_word(m));
    print_list("entrypoint", &cl_image_config(image)->entrypoint);
    print_list("cmd", &cl_image_config(image)->cmd);
    for (size_t i = 0; i < m->layer_count; i++) {
        const struct cl_oci_layer *l = &m->layers[i];
        cl_oci_digest_format(digest, l->desc.digest);
        (void)printf("layer %-6zu %s  %llu bytes, %s%s", i, digest,
                     (unsigned long long)l->desc.size, compression_name(l->compression),
                     l->encrypted ? ", encrypted:" : "");
        for (size_t k = 0; k < l->packet_count; k++) {
            (void)printf(" %s", l->packets[k].kid); /* its characters were checked */
        }
        (void)printf("\n");
    }
    return 0;
}

static int cmd_inspect(int argc, char **argv)
{
    static const char prog[] = "cloister image inspect";
    static const struct option options[] = {{"json", no_argument, NULL, 'j'},
                                            {"registry-ca", required_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct cl_image_options how = {0};
    bool json = false;
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (c) {
        case 'j':
            json = true;
            break;
        case 'r':
            how.registry_ca = optarg;
            break;
        case 'h':
            (void)fputs(inspect_help, stdout);
            return 0;
        case ':':
            return cl_usage_error(prog, "%s: expected a value, got none", argv[optind - 1]);
        default:
            return cl_usage_error(prog, "unknown option '%s'", argv[optind - 1]);
        }
    }
    if (argc - optind != 1) {
        return cl_usage_error(prog, "expected IMAGE, got %d arguments", argc - optind);
    }
    struct cl_err err = {0};
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    if (cl_image_open(argv[optind], &how, &image, &err) != CL_OK) {
        return cl_fail(&err, NULL);
    }
    return json ? print_json(image) : print_text(image);
}

int cl_cmd_image(int argc, char **argv)
{
    static const struct cl_cmd table[] = {
        {"encrypt", cmd_encrypt, "encrypt every layer, as ocicrypt does"},
        {"inspect", cmd_inspect, "layers, encryption, key ids"},
        {"signatures", cl_cmd_image_signatures, "fetch the signatures of an image into a folder"},
        {0}};
    return cl_cmd_dispatch(table, "cloister image", "cloister image inspect oci:app:v1", argc,
                           argv);
}
