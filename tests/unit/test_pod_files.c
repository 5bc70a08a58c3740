/* SPDX-License-Identifier: Apache-2.0
 * test_pod_files.c - folders of the host as the shim reads them, in the volumes of the agent: what
 * a container sees, a file larger than a message, and a folder that kubelet swaps.
 */
#include "files.h"
#include "pod_rig.h"
#include "shim_folder.h"

#include <signal.h>

#define ARGS(...) ((const char *const[]){"/program", __VA_ARGS__, NULL})
#define KIND_FILES CLOISTER__POD__V1__VOLUME_REQUEST__KIND__FILES
#define MOUNT                                                                                      \
    ",{\"destination\":\"/v\",\"type\":\"bind\",\"source\":\"volume:settings\",\"options\":["      \
    "\"rbind\",\"ro\"]}"

static char volume[] = "settings";

/* The folder as one generation; the code of the first call that failed. */
static int put_generation(uint64_t generation)
{
    struct shim_files f = {0};
    struct cl_err err = {0};
    int code = 0;
    ck_assert_msg(shim_files_read(folder, &f, &err) == CL_OK, "%s", err.msg);
    for (size_t at = 0; code == 0 && at < f.count;) {
        Cloister__Pod__V1__File *list[SHIM_FILES_MAX];
        Cloister__Pod__V1__PutFilesRequest r;
        cloister__pod__v1__put_files_request__init(&r);
        r.volume = volume;
        r.generation = generation;
        r.files = list;
        r.n_files = shim_files_piece(&f, at);
        for (size_t i = 0; i < r.n_files; i++) {
            list[i] = &f.file[at++];
        }
        r.last = at == f.count;
        code = rig_call("PutFiles", &r.base, NULL);
    }
    shim_files_done(&f);
    return code;
}

static int put_one(uint64_t generation, const char *name, uint64_t offset, const char *text)
{
    char path[64];
    Cloister__Pod__V1__File file;
    Cloister__Pod__V1__File *list[] = {&file};
    Cloister__Pod__V1__PutFilesRequest r;
    uint8_t data[64];
    (void)snprintf(path, sizeof(path), "%s", name);
    memcpy(data, text, strlen(text));
    cloister__pod__v1__file__init(&file);
    cloister__pod__v1__put_files_request__init(&r);
    file.path = path;
    file.mode = 0644;
    file.data = (ProtobufCBinaryData){.len = strlen(text), .data = data};
    file.offset = offset;
    r.volume = volume;
    r.generation = generation;
    r.files = list;
    r.n_files = 1;
    return rig_call("PutFiles", &r.base, NULL);
}

START_TEST(test_volume)
{
    Cloister__Pod__V1__SandboxRequest s;
    Cloister__Pod__V1__VolumeRequest v;
    char id[] = "sandbox";
    cloister__pod__v1__sandbox_request__init(&s);
    s.sandbox_id = id;
    ck_assert_msg(rig_call("Sandbox", &s.base, NULL) == 0, "%s", rig_message);
    cloister__pod__v1__volume_request__init(&v);
    v.name = volume;
    v.kind = KIND_FILES;
    ck_assert_msg(rig_call("Volume", &v.base, NULL) == 0, "%s", rig_message);
}
END_TEST

/* A configMap of 1 MiB in one key, beside small ones and a link. */
START_TEST(test_large_file_arrives_whole)
{
    const size_t size = 1u << 20;
    unsigned status = 1;
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    folder_setup();
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + (i * 7 + i / 1000) % 26);
    }
    text[size] = '\0';
    put_text("large", text);
    put_text("small", "one");
    put_folder("deep");
    put_link("deep/link", "../small");
    ck_assert_msg(put_generation(1) == 0, "%s", rig_message);
    ck_assert_str_eq(rig_run("large", NULL, MOUNT, ARGS("show", "/v/large"), &status), text);
    ck_assert_uint_eq(status, 0);
    ck_assert_str_eq(rig_run("small", NULL, MOUNT, ARGS("show", "/v/deep/link"), &status), "one");
    folder_teardown();
    free(text);
}
END_TEST

/* What a running container sees after each swap. */
START_TEST(test_swaps_are_seen)
{
    folder_setup();
    swap_to("..t1", "token", "first");
    ck_assert_msg(put_generation(2) == 0, "%s", rig_message);
    ck_assert_msg(rig_create("run", NULL, MOUNT, ARGS("wait")) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_start("run", ""), 0);
    ck_assert_int_eq(rig_exec("run", "a", false, ARGS("show", "/v/token")), 0);
    ck_assert_int_eq(rig_start("run", "a"), 0);
    ck_assert_uint_eq(rig_wait("run", "a"), 0);
    ck_assert_str_eq(rig_output("run/a", 1, NULL), "first");
    swap_to("..t2", "token", "second");
    ck_assert_msg(put_generation(3) == 0, "%s", rig_message);
    ck_assert_int_eq(rig_exec("run", "b", false, ARGS("show", "/v/token")), 0);
    ck_assert_int_eq(rig_start("run", "b"), 0);
    ck_assert_uint_eq(rig_wait("run", "b"), 0);
    ck_assert_str_eq(rig_output("run/b", 1, NULL), "second");
    ck_assert_int_eq(rig_kill("run", "", SIGKILL, true), 0);
    (void)rig_wait("run", "");
    ck_assert_int_eq(rig_delete("run", ""), 0);
    folder_teardown();
}
END_TEST

/* Pieces come in order, each where the last one ended, in one generation. */
START_TEST(test_pieces_in_the_wrong_order)
{
    ck_assert_int_ne(put_one(10, "x", 3, "def"), 0); /* of nothing */
    ck_assert_int_eq(put_one(11, "x", 0, "abc"), 0);
    ck_assert_int_ne(put_one(11, "x", 4, "ef"), 0);
    ck_assert_msg(strstr(rig_message, "offset: expected 3, got 4") != NULL, "%s", rig_message);
    ck_assert_int_ne(put_one(11, "x", 0, "abc"), 0); /* again */
    ck_assert_int_eq(put_one(11, "x", 3, "def"), 0);
    ck_assert_int_ne(put_one(12, "x", 6, "g"), 0); /* of another generation */
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("pod files");
    TCase *t = tcase_create("volumes");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_volume);
    tcase_add_test(t, test_large_file_arrives_whole);
    tcase_add_test(t, test_swaps_are_seen);
    tcase_add_test(t, test_pieces_in_the_wrong_order);
    suite_add_tcase(s, t);
    return s;
}

int main(int argc, char **argv)
{
    return pod_rig_run(argc, argv, suite);
}
