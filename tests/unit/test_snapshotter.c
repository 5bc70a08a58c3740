/* SPDX-License-Identifier: Apache-2.0
 * test_snapshotter.c - what the snapshotter says to containerd, out of the request alone.
 */
#include "check_main.h"
#include "filter.h"
#include "names.h"
#include "snapshot_calls.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CHAIN "sha256:" HEX64
#define ROOTFS "ro,nosuid,nodev,noexec,size=4k,nr_inodes=2,mode=0555\n"
#define SCRATCH "nosuid,nodev,noexec,size=50%,mode=0755\n"
#define REF "containerd.io/snapshot.ref"

/* Calls with text arguments; the answer's code, and its lines or its refusal in `out`. */
static unsigned ask(struct cl_buf *out, const char *method, size_t count, char *const *args)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf request = {0};
    struct cl_grpc_answer a = {0};
    char path[128];
    (void)snprintf(path, sizeof(path), SNAP_SERVICE "%s", method);
    ck_assert_int_eq(call_encode(method, args, count, &request, NULL), CL_OK);
    snap_call(NULL, path, request.data, request.len, &a);
    cl_buf_reset(out);
    ck_assert_int_eq(cl_buf_append_str(out, a.code == CL_GRPC_OK ? "" : a.text, NULL), CL_OK);
    for (size_t pos = 0; a.code == CL_GRPC_OK && pos < a.messages.len;) {
        const uint8_t *m = a.messages.data + pos;
        size_t len = cl_grpc_prefix_length(m, a.messages.len - pos);
        ck_assert_int_eq(call_show(method, m + CL_GRPC_PREFIX_SIZE, len, out, NULL), CL_OK);
        pos += CL_GRPC_PREFIX_SIZE + len;
    }
    cl_buf_done(&a.messages);
    return a.code;
}

#define ASK(want, text, method, ...)                                                               \
    do {                                                                                           \
        char *args_[] = {__VA_ARGS__};                                                             \
        CL_CLEANUP(cl_buf_done) struct cl_buf out_ = {0};                                          \
        ck_assert_uint_eq(ask(&out_, method, CL_ARRAY_LEN(args_), args_), want);                   \
        ck_assert_str_eq((const char *)out_.data, text);                                           \
    } while (0)

/* The literals are never written to: protobuf-c's structs only take such pointers. */
static char chain[] = CHAIN, empty[] = "", key[] = "k8s.io/7/c1", parent[] = "k8s.io/3/" CHAIN;
static char ref_label[] = REF "=" CHAIN, other_label[] = "containerd.io/snapshot/cri.image-ref=x";
static char odd_ref[] = REF "=layer-1", extract[] = "k8s.io/5/extract-12-ab " CHAIN;

START_TEST(test_kinds_by_the_form_of_the_name)
{
    static const struct {
        const char *name;
        enum snap_kind kind;
    } t[] = {
        {CHAIN, SNAP_COMMITTED},
        {"k8s.io/12/" CHAIN, SNAP_COMMITTED},
        {"k8s.io/12/x" CHAIN, SNAP_ACTIVE},
        {"k8s.io/12/" CHAIN "0", SNAP_ACTIVE},
        {"k8s.io//" CHAIN, SNAP_ACTIVE},
        {"k8s.io/1a/" CHAIN, SNAP_ACTIVE},
        {"/" CHAIN, SNAP_ACTIVE},
        {"a/1/b/2/" CHAIN, SNAP_ACTIVE},
        {"sha256:0123", SNAP_ACTIVE},
        {"SHA256:" HEX64, SNAP_ACTIVE},
        {"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", SNAP_ACTIVE},
        {"sha512:" HEX64, SNAP_ACTIVE},
        {"k8s.io/7/0a1b", SNAP_ACTIVE},
        {"x", SNAP_ACTIVE},
        {"/", SNAP_ACTIVE},
        {"a/1/", SNAP_ACTIVE},
        {"k8s.io/7/extract-1-x " CHAIN, SNAP_UNPACKING},
        {"extract-1 " CHAIN, SNAP_UNPACKING},
        {"k8s.io/7/extract-1-x", SNAP_ACTIVE},
        {"k8s.io/7/extract- sha256:0", SNAP_ACTIVE},
        {"k8s.io/7/xextract-1 " CHAIN, SNAP_ACTIVE},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        ck_assert_msg(snap_kind_of((const uint8_t *)t[i].name, strlen(t[i].name)) == t[i].kind,
                      "%s", t[i].name);
    }
}
END_TEST

START_TEST(test_names_in_bounds)
{
    uint8_t longest[SNAP_MAX_NAME + 1];
    memset(longest, 'a', sizeof(longest));
    ck_assert(snap_name_good(longest, SNAP_MAX_NAME));
    ck_assert(!snap_name_good(longest, SNAP_MAX_NAME + 1));
    ck_assert(!snap_name_good(longest, 0));
    ck_assert(!snap_name_good(NULL, 0));
    ck_assert(!snap_name_good((const uint8_t *)"a\0b", 3));
    ck_assert(!snap_name_good((const uint8_t *)"a\nb", 3));
    ck_assert(!snap_name_good((const uint8_t *)"a\x7f", 2));
    ck_assert(snap_name_good((const uint8_t *)"m\xc3\xbcller", 7));
}
END_TEST

START_TEST(test_a_layer_by_its_chain_id_is_there)
{
    ASK(CL_GRPC_ALREADY_EXISTS, "snapshot '" CHAIN "': already exists", "Prepare", extract, empty,
        ref_label);
    ASK(CL_GRPC_ALREADY_EXISTS, "snapshot '" CHAIN "': already exists", "Prepare", extract, parent,
        other_label, ref_label);
    ASK(CL_GRPC_ALREADY_EXISTS, "snapshot '" CHAIN "': already exists", "View", key, empty,
        ref_label);
    ASK(CL_GRPC_OK, "committed " CHAIN " parent=\n", "Stat", chain);
    ASK(CL_GRPC_OK, "committed k8s.io/3/" CHAIN " parent=\n", "Stat", parent);
}
END_TEST

/* What containerd's metadata layer asks after ALREADY_EXISTS, and checks in the answer. */
START_TEST(test_list_gives_the_layer_upon_the_parent_asked_for)
{
    char first[] = "labels.\"" REF "\"==" CHAIN ",parent==\"\"";
    char second[] = "labels.\"" REF "\"==" CHAIN ",parent==\"k8s.io/3/" CHAIN "\"";
    char quoted[] = "labels.\"" REF "\"==\"" CHAIN "\",parent==\"a\\\"b\\\\c\"";
    ASK(CL_GRPC_OK, "committed " CHAIN " parent= " REF "=" CHAIN "\n", "List", first);
    ASK(CL_GRPC_OK, "committed " CHAIN " parent=k8s.io/3/" CHAIN " " REF "=" CHAIN "\n", "List",
        second);
    ASK(CL_GRPC_OK, "committed " CHAIN " parent=a\"b\\c " REF "=" CHAIN "\n", "List", quoted);
}
END_TEST

START_TEST(test_list_otherwise_is_empty)
{
    static const char *const t[] = {
        "",
        "name==x",
        "kind==active",
        "kind==committed",
        "parent==\"\"",
        "labels.\"" REF "\"",
        "labels.\"" REF "\"!=" CHAIN,
        "labels.\"" REF "\"~=.*",
        "labels.\"" REF "\"==layer-1",
        "labels.\"" REF "\"==" CHAIN ",kind==active",
        "labels.\"" REF "\"==" CHAIN ",labels.x==y",
        "labels.\"" REF "\"==" CHAIN ",name==other",
        "labels.\"" REF "\"==" CHAIN ",parent==a,parent==b",
        "labels.\"" REF "\"==" CHAIN ",parent==\"a\nb\"",
    };
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    ck_assert_uint_eq(ask(&out, "List", 0, NULL), CL_GRPC_OK);
    ck_assert_str_eq((const char *)out.data, "");
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        char filter[256];
        (void)snprintf(filter, sizeof(filter), "%s", t[i]);
        ASK(CL_GRPC_OK, "", "List", filter);
    }
}
END_TEST

START_TEST(test_list_by_name_and_with_several_filters)
{
    char by_name[] = "name==" CHAIN, none[] = "kind==view",
         both[] = "name==" CHAIN ",kind==committed";
    ASK(CL_GRPC_OK,
        "committed " CHAIN " parent= " REF "=" CHAIN "\ncommitted " CHAIN " parent= " REF "=" CHAIN
        "\n",
        "List", by_name, none, both);
}
END_TEST

START_TEST(test_filters_that_are_none)
{
    static const char *const t[] = {
        ",",  "a,",   "==b",    "a=b",     "a==b\"c\"",  "a=",      "a!b", "a.",
        ".a", "a..b", "a==\"b", "a==\"\\", "a==\"\\n\"", "\"\"==x", "a~b", "a \"b\"==\"c\"d",
    };
    struct snap_match m;
    struct cl_err err;
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        ck_assert_msg(snap_filter_match((const uint8_t *)t[i], strlen(t[i]), &m, &err) ==
                          CL_ERR_MALFORMED,
                      "%s", t[i]);
        ck_assert_uint_le(err.offset, strlen(t[i]));
    }
    uint8_t longest[SNAP_MAX_FILTER + 1];
    memset(longest, 'a', sizeof(longest));
    ck_assert_int_eq(snap_filter_match(longest, sizeof(longest), &m, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(snap_filter_match(longest, sizeof(longest) - 1, &m, &err), CL_ERR_MALFORMED);
    memcpy(longest, "name==", 6);
    ck_assert_int_eq(snap_filter_match(longest, 6 + SNAP_MAX_NAME, &m, &err), CL_OK);
    ck_assert_int_eq(snap_filter_match(longest, 7 + SNAP_MAX_NAME, &m, &err), CL_ERR_MALFORMED);
    ck_assert_int_eq(snap_filter_match((const uint8_t *)"a\0b", 3, &m, &err), CL_ERR_MALFORMED);
    char bad[] = "a=b";
    ASK(CL_GRPC_INVALID_ARGUMENT, "filter: at byte 2: expected '='", "List", bad);
}
END_TEST

/* Every piece of a good filter is read or refused, never past its end. */
START_TEST(test_each_truncation_of_a_filter)
{
    static const char good[] = "labels.\"" REF "\"==" CHAIN ",parent==\"a\\\"b\"";
    for (size_t n = 0; n < sizeof(good) - 1; n++) {
        uint8_t *copy = malloc(n + 1); /* so that a sanitizer sees its end */
        struct snap_match m;
        memcpy(copy, good, n);
        copy[n] = '"';
        (void)!snap_filter_match(copy, n, &m, NULL);
        free(copy);
    }
}
END_TEST

START_TEST(test_a_containers_own_snapshot_is_a_placeholder)
{
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/7/c1 " ROOTFS, "Prepare", key, chain);
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/7/c1 " ROOTFS, "Prepare", key, chain, other_label);
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/7/c1 " ROOTFS, "View", key, parent);
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/7/c1 " ROOTFS, "Mounts", key);
    ASK(CL_GRPC_OK, "active k8s.io/7/c1 parent=\n", "Stat", key);
    ASK(CL_GRPC_OK, "0 bytes\n", "Usage", key);
}
END_TEST

/* Clients that do not say which layer they unpack get room to unpack it. */
START_TEST(test_unpacking_without_a_chain_id)
{
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/5/extract-12-ab " CHAIN " " SCRATCH, "Prepare", extract,
        empty);
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/5/extract-12-ab " CHAIN " " SCRATCH, "Prepare", extract,
        empty, odd_ref);
    ASK(CL_GRPC_OK, "0 bytes\n", "Commit", parent, extract);
    ASK(CL_GRPC_OK, "committed k8s.io/3/" CHAIN " parent=\n", "Stat", parent);
}
END_TEST

START_TEST(test_changes_are_agreed_to)
{
    ASK(CL_GRPC_OK, "0 bytes\n", "Remove", key);
    ASK(CL_GRPC_OK, "0 bytes\n", "Remove", key);
    ASK(CL_GRPC_OK, "0 bytes\n", "Remove", chain);
    ASK(CL_GRPC_OK, "0 bytes\n", "Cleanup", empty);
    ASK(CL_GRPC_OK, "committed " CHAIN " parent= containerd.io/snapshot/cri.image-ref=x\n",
        "Update", chain, other_label);
}
END_TEST

START_TEST(test_requests_that_break_their_bounds)
{
    static char longest[SNAP_MAX_NAME + 2], line[] = "a\nb";
    char too_long[128], control[128];
    memset(longest, 'a', SNAP_MAX_NAME + 1);
    (void)snprintf(too_long, sizeof(too_long),
                   "key: expected 1 to 1024 printable bytes, got 1025 bytes");
    (void)snprintf(control, sizeof(control),
                   "key: expected 1 to 1024 printable bytes, got 3 bytes");
    static const char *const methods[] = {"Mounts", "Stat", "Usage", "Remove"};
    for (size_t i = 0; i < CL_ARRAY_LEN(methods); i++) {
        ASK(CL_GRPC_INVALID_ARGUMENT, too_long, methods[i], longest);
        ASK(CL_GRPC_INVALID_ARGUMENT, control, methods[i], line);
        ASK(CL_GRPC_INVALID_ARGUMENT, "key: expected 1 to 1024 printable bytes, got 0 bytes",
            methods[i], empty);
    }
    ASK(CL_GRPC_INVALID_ARGUMENT, too_long, "Prepare", longest, empty);
    ASK(CL_GRPC_INVALID_ARGUMENT, "parent: expected 1 to 1024 printable bytes, got 3 bytes",
        "Prepare", key, line);
    ASK(CL_GRPC_INVALID_ARGUMENT, "name: expected 1 to 1024 printable bytes, got 0 bytes", "Commit",
        empty, key);
    ASK(CL_GRPC_INVALID_ARGUMENT, "name: expected 1 to 1024 printable bytes, got 0 bytes", "Update",
        empty);
}
END_TEST

START_TEST(test_too_many_labels_and_filters)
{
    uint8_t many[3 + 2 * (SNAP_MAX_LABELS + 1)];
    struct cl_grpc_answer a = {0};
    memcpy(many, "\x12\1k", 3); /* a key, and empty labels */
    for (size_t i = 3; i + 1 < sizeof(many); i += 2) {
        many[i] = 0x22;
        many[i + 1] = 0;
    }
    snap_call(NULL, SNAP_SERVICE "Prepare", many, 3 + 2 * SNAP_MAX_LABELS, &a);
    ck_assert_uint_eq(a.code, CL_GRPC_OK);
    cl_buf_done(&a.messages);
    a = (struct cl_grpc_answer){0};
    snap_call(NULL, SNAP_SERVICE "Prepare", many, 3 + 2 * (SNAP_MAX_LABELS + 1), &a);
    ck_assert_uint_eq(a.code, CL_GRPC_INVALID_ARGUMENT);
    for (size_t i = 0; i + 1 < sizeof(many); i += 2) {
        many[i] = 0x12;
        many[i + 1] = 0;
    }
    a = (struct cl_grpc_answer){0};
    snap_call(NULL, SNAP_SERVICE "List", many, 2 * (SNAP_MAX_FILTERS + 1), &a);
    ck_assert_uint_eq(a.code, CL_GRPC_INVALID_ARGUMENT);
    ck_assert_str_eq(a.text, "filters: expected at most 16, got 17");
}
END_TEST

START_TEST(test_methods_and_messages_that_are_none)
{
    static const char *const methods[] = {"Prepare", "View",   "Mounts", "Commit", "Remove",
                                          "Stat",    "Update", "List",   "Usage",  "Cleanup"};
    struct cl_grpc_answer a = {0};
    for (size_t i = 0; i < CL_ARRAY_LEN(methods); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), SNAP_SERVICE "%s", methods[i]);
        a = (struct cl_grpc_answer){0};
        snap_call(NULL, path, (const uint8_t *)"\x12\5abc", 5, &a); /* ends inside a field */
        ck_assert_uint_eq(a.code, CL_GRPC_INVALID_ARGUMENT);
        ck_assert_uint_eq(a.messages.len, 0);
    }
    a = (struct cl_grpc_answer){0};
    snap_call(NULL, "/grpc.health.v1.Health/Check", (const uint8_t *)"", 0, &a);
    ck_assert_uint_eq(a.code, CL_GRPC_UNIMPLEMENTED);
    ck_assert_str_eq(a.text, "method '/grpc.health.v1.Health/Check': expected one of Snapshots");
}
END_TEST

/* The same question, the same answer: times apart, which containerd keeps itself. */
START_TEST(test_answers_do_not_depend_on_what_was_asked_before)
{
    ASK(CL_GRPC_OK, "0 bytes\n", "Remove", chain);
    ASK(CL_GRPC_OK, "committed " CHAIN " parent=\n", "Stat", chain);
    ASK(CL_GRPC_ALREADY_EXISTS, "snapshot '" CHAIN "': already exists", "Prepare", extract, empty,
        ref_label);
    ASK(CL_GRPC_ALREADY_EXISTS, "snapshot '" CHAIN "': already exists", "Prepare", extract, empty,
        ref_label);
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/7/c1 " ROOTFS, "Prepare", key, chain);
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/7/c1 " ROOTFS, "Prepare", key, chain);
    ASK(CL_GRPC_OK, "0 bytes\n", "Remove", key);
    ASK(CL_GRPC_OK, "tmpfs cloister:k8s.io/7/c1 " ROOTFS, "Mounts", key);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snapshotter");
    TCase *tc = tcase_create("answers");
    tcase_add_test(tc, test_kinds_by_the_form_of_the_name);
    tcase_add_test(tc, test_names_in_bounds);
    tcase_add_test(tc, test_a_layer_by_its_chain_id_is_there);
    tcase_add_test(tc, test_list_gives_the_layer_upon_the_parent_asked_for);
    tcase_add_test(tc, test_list_otherwise_is_empty);
    tcase_add_test(tc, test_list_by_name_and_with_several_filters);
    tcase_add_test(tc, test_filters_that_are_none);
    tcase_add_test(tc, test_each_truncation_of_a_filter);
    tcase_add_test(tc, test_a_containers_own_snapshot_is_a_placeholder);
    tcase_add_test(tc, test_unpacking_without_a_chain_id);
    tcase_add_test(tc, test_changes_are_agreed_to);
    tcase_add_test(tc, test_requests_that_break_their_bounds);
    tcase_add_test(tc, test_too_many_labels_and_filters);
    tcase_add_test(tc, test_methods_and_messages_that_are_none);
    tcase_add_test(tc, test_answers_do_not_depend_on_what_was_asked_before);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
