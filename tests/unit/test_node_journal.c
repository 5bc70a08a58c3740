/* SPDX-License-Identifier: Apache-2.0
 * test_node_journal.c - the journal and the state as hostile files: every truncation, every
 * changed byte, each member out of range. Nothing is touched.
 */
#include "node_world.h"

#include "journal.h"

#include <string.h>

#define HASH "0000000000000000000000000000000000000000000000000000000000000000"
#define FILE_ "{\"sha256\":\"" HASH "\",\"mode\":420,\"uid\":0,\"gid\":0}"
#define TXN(changes)                                                                               \
    "{\"command\":\"install\",\"direction\":\"forward\",\"undo\":true,\"changes\":[" changes "]}"
#define GOOD                                                                                       \
    TXN("{\"op\":\"mkdir\",\"path\":\"/a\",\"mode\":493},"                                         \
        "{\"op\":\"put\",\"path\":\"/a/b\",\"from\":\"blob\",\"after\":" FILE_                     \
        ",\"before\":null},"                                                                       \
        "{\"op\":\"remove\",\"path\":\"/c\",\"before\":" FILE_ "},"                                \
        "{\"op\":\"rmdir\",\"path\":\"/d\",\"mode\":0}")

static struct cl_err err;

/* With the checksum that belongs to it. */
static void seal(const char *body, struct cl_buf *ret)
{
    char sha256[NODE_HEX_SIZE];
    ck_assert_int_eq(node_sha256(body, strlen(body), sha256, &err), CL_OK);
    ck_assert_int_eq(cl_buf_printf(ret, &err, "cloister-node-journal/1 %s\n%s", sha256, body),
                     CL_OK);
}

static enum cl_status decode(const char *body)
{
    struct cl_buf b = {0};
    json_t *txn = NULL;
    seal(body, &b);
    enum cl_status st = node_journal_decode(b.data, b.len, &txn, &err);
    cl_buf_done(&b);
    json_decref(txn);
    return st;
}

START_TEST(test_journal_good_is_read_and_written_again)
{
    struct cl_buf b = {0};
    struct cl_buf again = {0};
    json_t *txn = NULL;
    seal(GOOD, &b);
    ck_assert_msg(node_journal_decode(b.data, b.len, &txn, &err) == CL_OK, "%s", err.msg);
    ck_assert_int_eq(node_journal_encode(txn, &again, &err), CL_OK);
    ck_assert_uint_eq(b.len, again.len);
    ck_assert_mem_eq(b.data, again.data, b.len);
    json_decref(txn);
    cl_buf_done(&b);
    cl_buf_done(&again);
}
END_TEST

START_TEST(test_journal_truncated_or_changed_is_refused)
{
    struct cl_buf b = {0};
    json_t *txn = NULL;
    seal(GOOD, &b);
    for (size_t n = 0; n < b.len; n++) {
        ck_assert_int_eq(node_journal_decode(b.data, n, &txn, &err), CL_ERR_MALFORMED);
        b.data[n] ^= 1;
        ck_assert_int_eq(node_journal_decode(b.data, b.len, &txn, &err), CL_ERR_MALFORMED);
        b.data[n] ^= 1;
    }
    cl_buf_done(&b);
}
END_TEST

static const char *const bad[] = {
    "[]",
    "{}",
    TXN("1"),
    TXN("{\"op\":\"chmod\",\"path\":\"/a\",\"mode\":493}"),
    TXN("{\"op\":\"mkdir\",\"path\":\"a\",\"mode\":493}"),
    TXN("{\"op\":\"mkdir\",\"path\":\"/a/../b\",\"mode\":493}"),
    TXN("{\"op\":\"mkdir\",\"path\":\"/..\",\"mode\":493}"),
    TXN("{\"op\":\"mkdir\",\"path\":\"/a\",\"mode\":-1}"),
    TXN("{\"op\":\"mkdir\",\"path\":\"/a\",\"mode\":4096}"),
    TXN("{\"op\":\"mkdir\",\"path\":\"/a\",\"mode\":493,\"more\":1}"),
    TXN("{\"op\":\"put\",\"path\":\"/a\",\"from\":\"blob\",\"after\":null,\"before\":null}"),
    TXN("{\"op\":\"put\",\"path\":\"/a\",\"from\":\"x\",\"after\":" FILE_ ",\"before\":null}"),
    TXN("{\"op\":\"put\",\"path\":\"/a\",\"from\":\"/x/../y\",\"after\":" FILE_
        ",\"before\":null}"),
    TXN("{\"op\":\"put\",\"path\":\"/a\",\"from\":\"blob\",\"after\":" FILE_ "}"),
    TXN("{\"op\":\"put\",\"path\":\"/"
        "a\",\"from\":\"blob\",\"before\":null,\"after\":{\"sha256\":\"../x\","
        "\"mode\":1,\"uid\":0,\"gid\":0}}"),
    TXN("{\"op\":\"remove\",\"path\":\"/a\",\"before\":{\"sha256\":\"" HASH
        "\",\"mode\":1,\"uid\":-1,"
        "\"gid\":0}}"),
    "{\"command\":\"x\",\"direction\":\"sideways\",\"undo\":true,\"changes\":[]}",
    "{\"command\":\"x\",\"direction\":\"back\",\"undo\":false,\"changes\":[]}",
    "{\"command\":\"x\",\"direction\":\"forward\",\"undo\":1,\"changes\":[]}",
    "{\"command\":\"x\",\"direction\":\"forward\",\"undo\":true,\"changes\":{}}",
};

START_TEST(test_journal_members_out_of_range)
{
    ck_assert_int_eq(decode(bad[_i]), CL_ERR_MALFORMED);
}
END_TEST

/* With one of these in the tree every command says so, and touches nothing. */
START_TEST(test_journal_broken_stops_every_command)
{
    struct node_world w;
    node_world_init(&w, "version = 2\n", "1.6.20");
    node_world_run(node_install, &w.o, CL_OK);
    node_world_write(&w, NODE_JOURNAL, "cloister-node-journal/1 " HASH "\n{}");
    char *before = node_world_look(&w);
    node_world_run(node_install, &w.o, CL_ERR_MALFORMED);
    node_world_run(node_upgrade, &w.o, CL_ERR_MALFORMED);
    node_world_run(node_verify, &w.o, CL_ERR_MALFORMED);
    node_world_run(node_uninstall, &w.o, CL_ERR_MALFORMED);
    w.o.dry_run = true;
    node_world_run(node_install, &w.o, CL_ERR_REJECTED);
    node_world_end(&w, before);
}
END_TEST

/* A file of the journal that somebody changed meanwhile is left, and said. */
START_TEST(test_journal_conflict_is_told)
{
    struct node_world w;
    struct cl_buf b = {0};
    node_world_init(&w, "version = 2\n", "1.6.20");
    node_world_run(node_install, &w.o, CL_OK);
    seal("{\"command\":\"x\",\"direction\":\"forward\",\"undo\":false,\"changes\":["
         "{\"op\":\"remove\",\"path\":\"" CONFIG "\",\"before\":" FILE_ "}]}",
         &b);
    node_world_write(&w, NODE_JOURNAL, (char *)b.data);
    char *before = node_world_look(&w);
    node_world_run(node_install, &w.o, CL_ERR_REJECTED);
    char *after = node_world_look(&w);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    cl_buf_done(&b);
    node_world_done(&w);
}
END_TEST

static const char *const bad_states[] = {
    "",
    "{",
    "[]",
    "{}",
    "{\"schema\":\"cloister.node-state/2\"}",
    "{\"schema\":\"cloister.node-state/1\",\"other\":1}",
    "{\"schema\":\"cloister.node-state/"
    "1\",\"versions\":[],\"classes\":[],\"settings\":[],\"made\":[],"
    "\"config\":{}}",
};

START_TEST(test_state_broken_stops_every_command)
{
    struct node_world w;
    node_world_init(&w, "version = 2\n", "1.6.20");
    node_world_run(node_install, &w.o, CL_OK);
    node_world_write(&w, NODE_STATE "/state.json", bad_states[_i]);
    char *before = node_world_look(&w);
    json_t *doc = NULL;
    const char *hint = NULL;
    ck_assert_int_ne(node_install(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_int_ne(node_verify(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_int_ne(node_rollback(&w.o, &doc, &hint, &err), CL_OK);
    ck_assert_int_ne(node_uninstall(&w.o, &doc, &hint, &err), CL_OK);
    node_world_end(&w, before);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("node_journal");
    TCase *t = tcase_create("node_journal");
    tcase_add_test(t, test_journal_good_is_read_and_written_again);
    tcase_add_test(t, test_journal_truncated_or_changed_is_refused);
    tcase_add_loop_test(t, test_journal_members_out_of_range, 0, (int)CL_ARRAY_LEN(bad));
    tcase_add_test(t, test_journal_broken_stops_every_command);
    tcase_add_test(t, test_journal_conflict_is_told);
    tcase_add_loop_test(t, test_state_broken_stops_every_command, 0, (int)CL_ARRAY_LEN(bad_states));
    suite_add_tcase(s, t);
    return run_suite(s);
}
