/* SPDX-License-Identifier: Apache-2.0
 * args.c - flags, environment and stdin of the commands.
 */
#include "args.h"

#include "bootstrap.pb-c.h"
#include "pb.h"
#include "runtimeinfo.pb-c.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void shim_args_done(struct shim_args *a)
{
    if (a != NULL) {
        free(a->bundle);
        free(a->address);
        free(a->ttrpc_address);
        free(a->publish_binary);
        free(a->socket);
        free(a->socket_dir);
        free(a->config_path);
        *a = (struct shim_args){0};
    }
}

static enum cl_status set(char **place, const char *value, struct cl_err *err)
{
    char *copy = strdup(value);
    if (copy == NULL) {
        return cl_err_nomem(err, "arguments");
    }
    free(*place);
    *place = copy;
    return CL_OK;
}

/* containerd's rule for identifiers: letters and digits, with single . _ - between them. */
static enum cl_status set_name(char place[static SHIM_NAME_SIZE], const char *value,
                               const char *field, struct cl_err *err)
{
    size_t len = strlen(value);
    bool good = len > 0 && len < SHIM_NAME_SIZE;
    for (size_t i = 0; good && i < len; i++) {
        bool inside = i > 0 && i + 1 < len && isalnum((unsigned char)value[i - 1]);
        good = isalnum((unsigned char)value[i]) || (strchr("._-", value[i]) != NULL && inside);
    }
    if (!good) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected 1 to %u letters and digits with single . _ - between them, "
                          "got '%.100s'",
                          field, SHIM_NAME_SIZE - 1, value);
    }
    memcpy(place, value, len + 1);
    return CL_OK;
}

static bool take_switch(struct shim_args *a, const char *name)
{
    if (strcmp(name, "debug") == 0) {
        a->debug = true;
    } else if (strcmp(name, "v") == 0 || strcmp(name, "version") == 0) {
        a->action = SHIM_VERSION;
    } else if (strcmp(name, "h") == 0 || strcmp(name, "help") == 0) {
        a->action = SHIM_HELP;
    } else if (strcmp(name, "info") == 0) {
        a->action = SHIM_INFO;
    } else {
        return false;
    }
    return true;
}

static enum cl_status take_value(struct shim_args *a, const char *name, const char *value,
                                 struct cl_err *err)
{
    if (strcmp(name, "namespace") == 0) {
        return set_name(a->name_space, value, "-namespace", err);
    }
    if (strcmp(name, "id") == 0) {
        return set_name(a->id, value, "-id", err);
    }
    if (strcmp(name, "debug-socket") == 0) { /* containerd 2.3's, for its own debugging */
        return CL_OK;
    }
    char **place = strcmp(name, "address") == 0          ? &a->address
                   : strcmp(name, "publish-binary") == 0 ? &a->publish_binary
                   : strcmp(name, "bundle") == 0         ? &a->bundle
                                                         : &a->socket;
    return set(place, value, err);
}

static bool has_value(const char *name)
{
    static const char *const names[] = {"namespace", "id",     "address",     "publish-binary",
                                        "bundle",    "socket", "debug-socket"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* argv[*i] without its dashes; *i moves past the value. */
static enum cl_status take_flag(struct shim_args *a, int argc, char **argv, int *i,
                                struct cl_err *err)
{
    const char *flag = argv[*i] + 1 + (argv[*i][1] == '-');
    const char *eq = strchr(flag, '=');
    char name[32];
    size_t len = eq != NULL ? (size_t)(eq - flag) : strlen(flag);
    bool known = false;
    if (len < sizeof(name)) {
        memcpy(name, flag, len);
        name[len] = '\0';
        if (has_value(name)) {
            if (eq == NULL && *i + 1 >= argc) {
                return cl_err_set(err, CL_ERR_MALFORMED, "-%s: expected a value, got none", name);
            }
            return take_value(a, name, eq != NULL ? eq + 1 : argv[++*i], err);
        }
        if (eq != NULL && (strcmp(eq, "=false") == 0 || strcmp(eq, "=0") == 0)) {
            return CL_OK;
        }
        known = take_switch(a, name);
    }
    return known ? CL_OK
                 : cl_err_set(err, CL_ERR_MALFORMED,
                              "expected one of the flags of --help, got '%s'", argv[*i]);
}

static enum cl_status take_action(struct shim_args *a, const char *word, struct cl_err *err)
{
    if (a->action != SHIM_NO_ACTION) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected one action, got also '%s'", word);
    }
    if (strcmp(word, "start") != 0 && strcmp(word, "delete") != 0) {
        return cl_err_set(err, CL_ERR_MALFORMED, "expected start or delete, got '%s'", word);
    }
    a->action = word[0] == 's' ? SHIM_START : SHIM_DELETE;
    return CL_OK;
}

enum cl_status shim_args_parse(int argc, char **argv, struct shim_args *ret, struct cl_err *err)
{
    CL_CLEANUP(shim_args_done) struct shim_args a = {.action = SHIM_NO_ACTION};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            CL_TRY(take_flag(&a, argc, argv, &i, err));
        } else {
            CL_TRY(take_action(&a, argv[i], err));
        }
    }
    *ret = a;
    a = (struct shim_args){0};
    return CL_OK;
}

/* stdin. */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s);
    size_t m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Of the options only runtimeoptions.v1.Options say something to us; `ctr` sends runc's. */
static enum cl_status take_options(struct shim_args *a, const Google__Protobuf__Any *any,
                                   struct cl_err *err)
{
    if (any == NULL || !ends_with(any->type_url, "runtimeoptions.v1.Options")) {
        return CL_OK;
    }
    ProtobufCMessage *m = shim_pb_unpack(&containerd__types__runtime_options__descriptor,
                                         any->value.data, any->value.len);
    if (m == NULL) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "stdin: options: expected a runtimeoptions.v1.Options, got other bytes");
    }
    const Containerd__Types__RuntimeOptions *o = (const Containerd__Types__RuntimeOptions *)m;
    enum cl_status st =
        o->config_path[0] != '\0' ? set(&a->config_path, o->config_path, err) : CL_OK;
    protobuf_c_message_free_unpacked(m, NULL);
    return st;
}

typedef Containerd__Runtime__Bootstrap__V1__BootstrapParams params_t;

/* Both messages begin with a string. */
static bool is_params(const struct shim_args *a, const params_t *p)
{
    return (a->id[0] != '\0' && strcmp(p->instance_id, a->id) == 0) || p->log_level != 0 ||
           p->containerd_version[0] != '\0' || p->containerd_ttrpc_address[0] != '\0' ||
           p->containerd_grpc_address[0] != '\0' || p->containerd_binary[0] != '\0' ||
           p->n_extensions > 0 || p->socket_dir[0] != '\0';
}

static enum cl_status same(const char *flag, const char *told, const char *field,
                           struct cl_err *err)
{
    return strcmp(flag, told) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "stdin: %s: expected '%s' as in the flags, got '%.100s'", field, flag,
                            told);
}

static enum cl_status take_names(struct shim_args *a, const params_t *p, struct cl_err *err)
{
    if (a->id[0] == '\0') {
        CL_TRY(set_name(a->id, p->instance_id, "stdin: instance_id", err));
    }
    if (a->name_space[0] == '\0') {
        CL_TRY(set_name(a->name_space, p->namespace_, "stdin: namespace", err));
    }
    CL_TRY(same(a->id, p->instance_id, "instance_id", err));
    return same(a->name_space, p->namespace_, "namespace", err);
}

static enum cl_status set_told(char **place, const char *value, struct cl_err *err)
{
    return value[0] != '\0' ? set(place, value, err) : CL_OK;
}

static enum cl_status take_params(struct shim_args *a, const params_t *p, struct cl_err *err)
{
    a->bootstrap = true;
    a->debug = a->debug || p->log_level < 0;
    CL_TRY(take_names(a, p, err));
    CL_TRY(set_told(&a->address, p->containerd_grpc_address, err));
    CL_TRY(set_told(&a->ttrpc_address, p->containerd_ttrpc_address, err));
    CL_TRY(set_told(&a->publish_binary, p->containerd_binary, err));
    CL_TRY(set_told(&a->socket_dir, p->socket_dir, err));
    for (size_t i = 0; i < p->n_extensions; i++) {
        CL_TRY(take_options(a, p->extensions[i]->value, err));
    }
    return CL_OK;
}

static enum cl_status neither(size_t len, struct cl_err *err)
{
    return cl_err_set(err, CL_ERR_MALFORMED,
                      "stdin: expected a google.protobuf.Any or BootstrapParams, got %zu other "
                      "bytes",
                      len);
}

static enum cl_status take_any(struct shim_args *a, const void *data, size_t len,
                               struct cl_err *err)
{
    ProtobufCMessage *m = shim_pb_unpack(&google__protobuf__any__descriptor, data, len);
    if (m == NULL) {
        return neither(len, err);
    }
    enum cl_status st = take_options(a, (const Google__Protobuf__Any *)m, err);
    protobuf_c_message_free_unpacked(m, NULL);
    return st;
}

enum cl_status shim_args_take_stdin(struct shim_args *a, const void *data, size_t len,
                                    struct cl_err *err)
{
    if (len == 0) {
        return CL_OK;
    }
    /* The fields of an Any are fields of BootstrapParams, too: it can be read as these. */
    ProtobufCMessage *m = shim_pb_unpack(
        &containerd__runtime__bootstrap__v1__bootstrap_params__descriptor, data, len);
    if (m == NULL) {
        return neither(len, err);
    }
    const params_t *p = (const params_t *)m;
    enum cl_status st = is_params(a, p) ? take_params(a, p, err) : take_any(a, data, len, err);
    protobuf_c_message_free_unpacked(m, NULL);
    return st;
}

/* What was not said. */

static enum cl_status otherwise(char **place, const char *value, struct cl_err *err)
{
    return *place == NULL ? set(place, value != NULL ? value : "", err) : CL_OK;
}

static enum cl_status absolute_bundle(struct shim_args *a, struct cl_err *err)
{
    if (a->bundle == NULL) {
        a->bundle = getcwd(NULL, 0);
        return a->bundle != NULL ? CL_OK : cl_err_nomem(err, "bundle");
    }
    if (a->bundle[0] != '/') {
        return cl_err_set(err, CL_ERR_MALFORMED, "-bundle: expected an absolute path, got '%s'",
                          a->bundle);
    }
    return CL_OK;
}

enum cl_status shim_args_complete(struct shim_args *a, struct cl_err *err)
{
    CL_TRY(otherwise(&a->address, getenv("GRPC_ADDRESS"), err));
    CL_TRY(otherwise(&a->ttrpc_address, getenv("TTRPC_ADDRESS"), err));
    CL_TRY(otherwise(&a->publish_binary, NULL, err));
    CL_TRY(absolute_bundle(a, err));
    const char *ns = getenv("NAMESPACE");
    if (a->name_space[0] == '\0' && ns != NULL) {
        CL_TRY(set_name(a->name_space, ns, "NAMESPACE", err));
    }
    if (a->name_space[0] == '\0' || a->id[0] == '\0') {
        return cl_err_set(err, CL_ERR_MALFORMED, "%s: expected a name, got none",
                          a->id[0] == '\0' ? "-id" : "-namespace");
    }
    return CL_OK;
}
