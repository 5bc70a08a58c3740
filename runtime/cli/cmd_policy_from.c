/* SPDX-License-Identifier: Apache-2.0
 * cmd_policy_from.c - `cloister policy from-pod`.
 * Trust: the manifest and the images that it names are hostile. Threads: one. Memory: the manifest,
 *        and each image's manifest and configuration.
 */
#include "cmd_policy.h"

#include "run_args.h"

#include "frompod.h"
#include "images.h"
#include "yaml_tree.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"
#include "cloister/image_signature.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROG "cloister policy from-pod"
#define MAX_ANNOTATION 262144u /* bytes: Kubernetes, all annotations of an object together */

static const char help[] =
    "usage: cloister policy from-pod [OPTION]... POD.yaml\n"
    "\n"
    "Writes the policy that the pod's guest will hold the host to: containers, images by digest,\n"
    "commands, environment, mounts, probes. POD.yaml holds one pod, or one Deployment, Job or the\n"
    "like; ConfigMaps beside it are pinned. '-' is standard input. Without an option that says\n"
    "where to, the policy goes to standard output.\n"
    "  --image NAME=REF          what an image, or a container's image, is: oci:DIR[:TAG] or\n"
    "                            docker://host[:port]/name[:tag][@digest]; may be given again.\n"
    "                            Else the registry in its name is asked\n"
    "  --registry-ca FILE        PEM of the CA of the registries\n"
    "  --pod [KIND/]NAME         which pod, when POD.yaml has several\n"
    "  --kbs-url URL             the broker: https://host:port\n"
    "  --kbs-cert FILE           the one certificate (PEM) that it must present\n"
    "  --encryption WORD         required (default): every layer must be encrypted; or optional\n"
    "  --signature-key [CONTAINER:]FILE   the image of a container, or of each, is any that this "
    "key\n"
    "                            (PEM) has signed with cosign, instead of one digest; may be "
    "given\n"
    "                            again\n"
    "  --signature-keyring [CONTAINER:]FILE   the same of simple signing: an OpenPGP key ring\n"
    "                            (gpg --export)\n"
    "  --signature-identity ID   how the signed name is compared with the image's: a word such as\n"
    "                            matchRepository, or a signedIdentity of containers-policy.json\n"
    "  --env [CONTAINER:]K=V     the value of a variable that the manifest leaves open "
    "(valueFrom);\n"
    "                            without it the value is the host's\n"
    "  --allow-exec [CONTAINER:]COMMAND   the host may run it in a container: words, or a JSON\n"
    "                            array of texts\n"
    "  --allow-logs              the host may read what containers and probes write\n"
    "  --allow-forward           the host may connect to the containers' TCP ports (port-forward)\n"
    "  --sysctl NAME=VALUE       a setting that the node adds to every pod\n"
    "  --volume NAME=KEY[,mount=PATH][,format=if-blank]   a claim (volumeDevices) is encrypted:\n"
    "                            KEY is kbs:///repository/type/tag; its file system is mounted\n"
    "                            at PATH; a blank disk becomes an empty volume\n"
    "  --output-policy FILE      the policy, JSON\n"
    "  --output-initdata FILE    initdata with it, TOML\n"
    "  --annotate                print the value of the pod's annotation dev.cloister.initdata\n"
    "  --json                    all of it as one document\n"
    "example: cloister policy from-pod --kbs-url https://broker:8080 --kbs-cert tls.crt \\\n"
    "             --image app=oci:app-enc:v1 --output-initdata pod.toml pod.yaml\n";

struct args {
    const char *file;
    const char *registry_ca;
    const char *kbs_url;
    const char *kbs_cert;
    const char *output_policy;
    const char *output_initdata;
    bool annotate;
    bool json;
    struct cl_strv images;
    struct cl_strv env;
    struct cl_strv execs;
    struct cl_strv sysctls;
    struct cl_strv keys;
    struct cl_strv rings;
    struct cl_strv volumes;
    struct policy_from_options from;
};

static void args_done(struct args *a)
{
    cl_strv_done(&a->images);
    cl_strv_done(&a->env);
    cl_strv_done(&a->execs);
    cl_strv_done(&a->sysctls);
    cl_strv_done(&a->keys);
    cl_strv_done(&a->rings);
    cl_strv_done(&a->volumes);
}

static int add(struct cl_strv *list, const char *option, const char *text, size_t max)
{
    struct cl_err err = {0};
    if (list->count == max) {
        return cl_usage_error(PROG, "%s: expected at most %zu, got more", option, max);
    }
    return cl_strv_add(list, text, &err) == CL_OK ? -1 : cl_fail(&err, NULL);
}

/* Options that are taken as they are; NULL for the others. */
static const char **plain_slot(struct args *a, int c)
{
    switch (c) {
    case 'r':
        return &a->registry_ca;
    case 'p':
        return &a->from.select;
    case 'u':
        return &a->kbs_url;
    case 'c':
        return &a->kbs_cert;
    case 'o':
        return &a->output_policy;
    case 't':
        return &a->output_initdata;
    case 'd':
        return &a->from.signature_identity;
    default:
        return NULL;
    }
}

static int take_pair(struct cl_strv *list, const char *option, const char *form, size_t max)
{
    return strchr(optarg, '=') != NULL
               ? add(list, option, optarg, max)
               : cl_usage_error(PROG, "%s: expected %s, got '%s'", option, form, optarg);
}

/* "[CONTAINER:]FILE": what the file holds takes the place of its name; binary: in base64. */
static enum cl_status read_signer(const char *option, bool binary, struct cl_buf *out,
                                  struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    size_t n = strspn(option, "abcdefghijklmnopqrstuvwxyz0123456789-");
    const char *path = n > 0 && option[n] == ':' ? option + n + 1 : option;
    CL_TRY(cl_buf_append(out, option, (size_t)(path - option), err));
    CL_TRY(cl_buf_read_file(&raw, path, CL_IMAGE_SIG_MAX_KEYRING, err));
    return binary ? cl_b64_encode(out, raw.data, raw.len, err)
                  : cl_buf_append(out, raw.data, raw.len, err);
}

static int take_signer(struct cl_strv *list, const char *option, bool binary)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cl_err err = {0};
    const char *string = NULL;
    if (read_signer(optarg, binary, &text, &err) != CL_OK ||
        cl_buf_cstr(&text, option, &string, &err) != CL_OK) {
        return cl_fail(&err, NULL);
    }
    return add(list, option, string, POLICY_MAX_GIVEN);
}

static int take_encryption(struct args *a)
{
    a->from.encryption_required = strcmp(optarg, "required") == 0;
    return a->from.encryption_required || strcmp(optarg, "optional") == 0
               ? -1
               : cl_usage_error(PROG, "--encryption: expected required or optional, got '%s'",
                                optarg);
}

/* -1: go on; else the exit status. */
static int take_option(void *ctx, int c)
{
    struct args *a = ctx;
    const char **slot = plain_slot(a, c);
    if (slot != NULL) {
        *slot = optarg;
        return -1;
    }
    switch (c) {
    case 'i':
        return take_pair(&a->images, "--image", "NAME=REF", POLICY_MAX_IMAGES);
    case 'e':
        return take_pair(&a->env, "--env", "[CONTAINER:]K=V", POLICY_MAX_GIVEN);
    case 'v':
        return take_pair(&a->volumes, "--volume", "NAME=kbs:///KEY", POLICY_MAX_GIVEN);
    case 's':
        return take_pair(&a->sysctls, "--sysctl", "NAME=VALUE", POLICY_MAX_GIVEN);
    case 'x':
        return add(&a->execs, "--allow-exec", optarg, POLICY_MAX_GIVEN);
    case 'k':
        return take_signer(&a->keys, "--signature-key", false);
    case 'g':
        return take_signer(&a->rings, "--signature-keyring", true);
    case 'n':
        return take_encryption(a);
    case 'l':
        a->from.allow_logs = true;
        return -1;
    case 'f':
        a->from.allow_forward = true;
        return -1;
    case 'a':
        a->annotate = true;
        return -1;
    default:
        a->json = true;
        return -1;
    }
}

static int check_args(const struct args *a)
{
    if (a->kbs_url != NULL && a->kbs_cert == NULL) {
        return cl_usage_error(PROG, "--kbs-cert: expected the broker's certificate beside "
                                    "--kbs-url, got none");
    }
    if (a->kbs_cert != NULL && a->kbs_url == NULL) {
        return cl_usage_error(PROG,
                              "--kbs-url: expected the broker's URL beside --kbs-cert, got none");
    }
    if (a->json && a->annotate) {
        return cl_usage_error(PROG, "--annotate: expected it without --json, which has it");
    }
    return -1;
}

int cli_policy_options(const char *prog, const char *usage, const struct option *options, int argc,
                       char **argv, int (*take)(void *ctx, int c), void *ctx)
{
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'h') {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (c == ':' || c == '?') {
            return cl_usage_error(prog, "%s '%s'", c == ':' ? "no value for" : "unknown option",
                                  argv[optind - 1]);
        }
        int rc = take(ctx, c);
        if (rc >= 0) {
            return rc;
        }
    }
    return -1;
}

static int parse(int argc, char **argv, struct args *a)
{
    static const struct option options[] = {{"image", required_argument, NULL, 'i'},
                                            {"registry-ca", required_argument, NULL, 'r'},
                                            {"pod", required_argument, NULL, 'p'},
                                            {"kbs-url", required_argument, NULL, 'u'},
                                            {"kbs", required_argument, NULL, 'u'},
                                            {"kbs-cert", required_argument, NULL, 'c'},
                                            {"encryption", required_argument, NULL, 'n'},
                                            {"env", required_argument, NULL, 'e'},
                                            {"signature-key", required_argument, NULL, 'k'},
                                            {"signature-keyring", required_argument, NULL, 'g'},
                                            {"signature-identity", required_argument, NULL, 'd'},
                                            {"allow-exec", required_argument, NULL, 'x'},
                                            {"allow-logs", no_argument, NULL, 'l'},
                                            {"allow-forward", no_argument, NULL, 'f'},
                                            {"sysctl", required_argument, NULL, 's'},
                                            {"volume", required_argument, NULL, 'v'},
                                            {"output-policy", required_argument, NULL, 'o'},
                                            {"output-initdata", required_argument, NULL, 't'},
                                            {"annotate", no_argument, NULL, 'a'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int rc = cli_policy_options(PROG, help, options, argc, argv, take_option, a);
    if (rc >= 0) {
        return rc;
    }
    if (argc - optind != 1) {
        return cl_usage_error(PROG, "expected POD.yaml, got %d arguments", argc - optind);
    }
    a->file = argv[optind];
    return check_args(a);
}

/* --- what comes out ---------------------------------------------------------------------------
 */

struct output {
    struct cl_buf policy;
    struct cl_buf initdata;
    struct cl_buf annotation; /* base64 of initdata */
    char digest[2 * CL_SHA256_SIZE + 1];
    const char *hint;
};

static void output_done(struct output *o)
{
    cl_buf_done(&o->policy);
    cl_buf_done(&o->initdata);
    cl_buf_done(&o->annotation);
}

enum cl_status cli_policy_documents(const char *path, json_t **ret, struct cl_err *err)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_TRY(strcmp(path, "-") == 0 ? cl_buf_read_fd(&raw, STDIN_FILENO, CL_YAML_MAX_SIZE, err)
                                  : cl_buf_read_file(&raw, path, CL_YAML_MAX_SIZE, err));
    return cl_yaml_parse(raw.data, raw.len, "manifest", ret, err);
}

static enum cl_status make_policy(struct args *a, struct output *o, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *documents = NULL;
    struct policy_images images = {.given = &a->images, .registry_ca = a->registry_ca};
    CL_TRY(cli_policy_documents(a->file, &documents, err));
    a->from.image = policy_images_find;
    a->from.image_ctx = &images;
    a->from.env = &a->env;
    a->from.execs = &a->execs;
    a->from.sysctls = &a->sysctls;
    a->from.signature_keys = &a->keys;
    a->from.signature_rings = &a->rings;
    a->from.volumes = &a->volumes;
    enum cl_status st = policy_from_pod(documents, &a->from, &o->policy, &o->hint, err);
    st = st == CL_OK ? policy_images_check_used(&images, err) : st;
    o->hint = o->hint != NULL ? o->hint : images.hint;
    policy_images_done(&images);
    return st;
}

static enum cl_status check_broker(const struct args *a, struct output *o, struct cl_err *err)
{
    if (a->from.encryption_required && a->kbs_url == NULL) {
        o->hint = "name it with --kbs-url and --kbs-cert, or say --encryption optional";
        return cl_err_set(err, CL_ERR_REJECTED,
                          "--kbs-url: expected a broker, as encryption is required, got none");
    }
    return CL_OK;
}

static enum cl_status make_initdata(const struct args *a, struct output *o, struct cl_err *err)
{
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    uint8_t digest[CL_SHA256_SIZE];
    const char *text = NULL;
    CL_TRY(cl_buf_cstr(&o->policy, "policy", &text, err));
    i.pod_policy = strdup(text);
    i.kbs_url = a->kbs_url != NULL ? strdup(a->kbs_url) : NULL;
    if (i.pod_policy == NULL || (a->kbs_url != NULL && i.kbs_url == NULL)) {
        return cl_err_nomem(err, "initdata");
    }
    if (a->kbs_cert != NULL) {
        CL_TRY(cli_read_cert(a->kbs_cert, &i.kbs_cert, err));
    }
    CL_TRY(cl_initdata_make(&i, &o->initdata, err));
    CL_TRY(cl_initdata_digest(o->initdata.data, o->initdata.len, digest, err));
    cl_hex(o->digest, digest, sizeof(digest));
    return cl_b64_encode(&o->annotation, o->initdata.data, o->initdata.len, err);
}

static enum cl_status print_annotation(const struct output *o, struct cl_err *err)
{
    if (o->annotation.len > MAX_ANNOTATION) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "--annotate: expected at most %u bytes, which Kubernetes takes, got %zu",
                          MAX_ANNOTATION, o->annotation.len);
    }
    (void)printf("%s\n", (const char *)o->annotation.data);
    return CL_OK;
}

static enum cl_status print_json(const struct output *o, struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *policy = NULL;
    CL_TRY(cl_json_parse(o->policy.data, o->policy.len, "policy", &policy, err));
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s, s:O, s:s, s:s, s:s}", "schema", "cloister.policy-from-pod/1",
                          "policy", policy, "initdata", (const char *)o->initdata.data, "digest",
                          o->digest, "annotation", (const char *)o->annotation.data);
    return cli_policy_print(j, true, err);
}

static enum cl_status write_output(const struct args *a, const struct output *o, struct cl_err *err)
{
    if (a->output_policy != NULL) {
        CL_TRY(cl_write_file(a->output_policy, o->policy.data, o->policy.len, 0644, err));
    }
    if (a->output_initdata != NULL) {
        CL_TRY(cl_write_file(a->output_initdata, o->initdata.data, o->initdata.len, 0644, err));
    }
    if (a->json) {
        return print_json(o, err);
    }
    if (a->annotate) {
        CL_TRY(print_annotation(o, err));
    } else if (a->output_policy == NULL && a->output_initdata == NULL) {
        (void)fputs((const char *)o->policy.data, stdout);
    }
    (void)fprintf(stderr, "cloister: initdata digest %s\n", o->digest);
    return CL_OK;
}

static enum cl_status from_pod(struct args *a, struct output *o, struct cl_err *err)
{
    enum cl_status st = check_broker(a, o, err);
    st = st == CL_OK ? make_policy(a, o, err) : st;
    st = st == CL_OK ? make_initdata(a, o, err) : st;
    if (st != CL_OK && st != CL_ERR_SYS) {
        return cl_err_wrap(err, st, "policy from-pod '%.200s'", a->file);
    }
    return st == CL_OK ? write_output(a, o, err) : st;
}

int cli_policy_from_pod(int argc, char **argv)
{
    struct args a = {.file = "", .from = {.encryption_required = true}};
    struct output o = {0};
    struct cl_err err = {0};
    int rc = parse(argc, argv, &a);
    if (rc < 0) {
        rc = from_pod(&a, &o, &err) == CL_OK ? 0 : cl_fail(&err, o.hint);
    }
    output_done(&o);
    args_done(&a);
    return rc;
}
