/* SPDX-License-Identifier: Apache-2.0
 * test_tee_devices.c - the shipped `cloister evidence` and `cloister verify`, unchanged, on a
 * machine that has the devices of a confidential guest (play.h): what honest ones answer is
 * accepted, and each lie is refused with its name.
 *
 * usage: test_tee_devices world FILE             makes the keys, on the machine: under emulation
 * that takes minutes test_tee_devices play FILE CLOISTER     in the lab, as root Exit status 77:
 * this machine cannot play devices.
 */
#include "play.h"
#include "snp_world.h"
#include "tdx_world.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sev-guest.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77
#define CONFIGFS "/sys/kernel/config"
#define NONCE "5a5b5c5d5e5f"
#define MEASUREMENT                                                                                \
    "3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e3e" \
    "3e3e"
/* Of the recorded report (milan-v3-oak-oc-release), which AMD's own root vouches for. */
#define RECORDED "milan-v3-oak-oc-release"
#define RECORDED_TIME "2025-09-01T00:00:00Z"

static char dir[128]; /* files of this run */
static const char *cloister;
static unsigned failures;

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "test_tee_devices.c:%d: %s: %s\n", __LINE__, #condition,         \
                          strerror(errno));                                                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void check(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "FAILED: %s\n", what);
        failures++;
    }
}

/* ---- commands ---- */

static void name_of(const char *file, char ret[static 192])
{
    (void)snprintf(ret, 192, "%s/%s", dir, file);
}

/* Words separated by single spaces; '@' at the beginning of one stands for the folder. */
static int run(const char *line, struct cl_buf *ret_err)
{
    char text[1024], words[24][192], *argv[25] = {NULL}, *save = NULL, err[192];
    size_t argc = 0;
    (void)snprintf(text, sizeof(text), "cloister %s", line);
    for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        MUST(argc < 24);
        (void)snprintf(words[argc], sizeof(words[0]), "%s%s", *w == '@' ? dir : "",
                       *w == '@' ? w + 1 : w);
        argv[argc] = words[argc];
        argc++;
    }
    name_of("stderr", err);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 1);
        (void)dup2(open(err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), 2);
        (void)execv(cloister, argv);
        _exit(127);
    }
    int status = 0;
    MUST(waitpid(pid, &status, 0) == pid);
    cl_buf_reset(ret_err);
    MUST(cl_buf_read_file(ret_err, err, 65536, NULL) == CL_OK);
    MUST(cl_buf_append(ret_err, "", 1, NULL) == CL_OK);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void expect(const char *scenario, const char *line, int status, const char *says)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf err = {0};
    int got = run(line, &err);
    bool ok = got == status && strstr((const char *)err.data, says) != NULL;
    printf("%s: %s: %.24s: %d %s\n", ok ? "ok" : "FAILED", scenario, line, got,
           ok ? says : (const char *)err.data);
    failures += !ok;
}

/* ---- what stands on the disk, and what the players share ---- */

static void put(const char *file, const struct cl_buf *b)
{
    char path[192];
    name_of(file, path);
    MUST(cl_write_file(path, b->data, b->len, 0600, NULL) == CL_OK);
}

static void put_collateral(const struct tdx_material *m)
{
    static char tcb[129], qe[129], pck[8192], root[8192];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    MUST(m->pck_crl.len < sizeof(pck) / 2 && m->root_crl.len < sizeof(root) / 2);
    cl_hex(tcb, m->tcb_signature, 64);
    cl_hex(qe, m->qe_signature, 64);
    cl_hex(pck, m->pck_crl.data, m->pck_crl.len);
    cl_hex(root, m->root_crl.data, m->root_crl.len);
    json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "tcb_info", m->tcb_info.data,
                          "tcb_info_signature", tcb, "tcb_info_issuer_chain", m->tcb_chain.data,
                          "qe_identity", m->qe_identity.data, "qe_identity_signature", qe,
                          "qe_identity_issuer_chain", m->qe_chain.data, "pck_crl", pck,
                          "pck_crl_issuer_chain", m->pck_chain.data, "root_ca_crl", root);
    MUST(j != NULL && cl_json_compact(j, &text, NULL) == CL_OK);
    put("collateral.json", &text);
    json_decref(j);
}

static void make_tdx_world(void)
{
    static struct tw w;
    struct tdx_material m = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf pem = {0};
    tw_init();
    tw_default(&w);
    tw_material(&w, &m);
    tw_cert_pem(&w, &w.root, &pem);
    put("tdx-root.pem", &pem);
    put_collateral(&m);
    tdx_material_done(&m);
}

static const char *const guids[3] = {"63da758d-e664-4564-adc5-f4b93be8accd",  /* VCEK */
                                     "4ab7b379-bbac-4fe4-a02f-05aef327c782",  /* ASK */
                                     "c0b406a4-a803-4952-9743-3fb6014cd0ae"}; /* ARK */

static void make_snp_world(struct play *p, const char *keys)
{
    world_load(keys);
    const struct world_cert certs[3] = {world_vcek(), world_ask(), world_ark()};
    for (unsigned i = 0; i < 3; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
        world_cert_der(&certs[i], &der);
        play_put_cert(p->table, &p->table_size, i, guids[i], &der);
        put(i == 0 ? "ek.der" : i == 1 ? "ask.der" : "ark.der", &der);
    }
}

/* False where the vectors are not. */
static bool read_recorded(struct play *p)
{
    static const char *const files[3] = {RECORDED "/vcek.der", "ca/milan-ask.der",
                                         "ca/milan-ark.der"};
    const char *shared = getenv("CLOISTER_SHARED");
    char path[512];
    CL_CLEANUP(cl_buf_done) struct cl_buf report = {0};
    shared = shared != NULL ? shared : CL_TEST_SHARED_DIR;
    (void)snprintf(path, sizeof(path), "%s/vectors/snp/" RECORDED "/report.bin", shared);
    if (cl_buf_read_file(&report, path, CL_SNP_REPORT_SIZE, NULL) != CL_OK ||
        report.len != sizeof(p->recorded)) {
        return false;
    }
    memcpy(p->recorded, report.data, report.len);
    for (unsigned i = 0; i < 3; i++) {
        CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
        (void)snprintf(path, sizeof(path), "%s/vectors/snp/%s", shared, files[i]);
        MUST(cl_buf_read_file(&der, path, 8192, NULL) == CL_OK);
        play_put_cert(p->recorded_table, &p->recorded_table_size, i, guids[i], &der);
    }
    return true;
}

/* ---- scenarios ---- */

struct scenario {
    const char *name;
    enum play_lie lie;
    int gathered; /* exit status of `cloister evidence`, and what it says */
    const char *says;
    int verified; /* of `cloister verify`, when there is something to verify */
    const char *verdict;
};

#define GATHER "evidence --report-data " NONCE " --out @/evidence.json"
#define VERIFY_SNP                                                                                 \
    "verify --tee sim-snp --sim-root @/ark.der --evidence @/evidence.json --time "                 \
    "2026-01-01T00:00:00Z --report-data " NONCE " --measurement " MEASUREMENT
#define VERIFY_TDX                                                                                 \
    "verify --tee sim-tdx --sim-root @/tdx-root.pem --collateral @/collateral.json --evidence "    \
    "@/evidence.json --time 2026-01-01T00:00:00Z --report-data " NONCE                             \
    " --measurement " MEASUREMENT

static void play_all(struct play *p, const struct scenario *all, size_t count, const char *verify)
{
    char evidence[192];
    name_of("evidence.json", evidence);
    for (size_t i = 0; i < count; i++) {
        const struct scenario *s = &all[i];
        (void)unlink(evidence);
        p->lie = s->lie;
        expect(s->name, GATHER, s->gathered, s->says);
        if (s->gathered == 0) {
            expect(s->name, verify, s->verified, s->verdict);
        } else if (verify != NULL) {
            check(access(evidence, F_OK) != 0, s->name); /* nothing was written */
        }
    }
    p->lie = PLAY_HONEST;
}

/* ---- /dev/sev-guest ---- */

static int ask(int fd, unsigned long request, void *req, void *resp,
               struct snp_guest_request_ioctl *ret_io)
{
    *ret_io = (struct snp_guest_request_ioctl){
        .msg_version = 1, .req_data = (uintptr_t)req, .resp_data = (uintptr_t)resp};
    return ioctl(fd, request, ret_io) == 0 ? 0 : errno;
}

/* That the player speaks the driver's protocol, so that what is shown with it means something. */
static void driver_protocol(struct play *p)
{
    static struct snp_report_resp resp;
    static uint8_t certs[PLAY_CERTS_MAX];
    uint8_t raw[CL_SNP_REPORT_SIZE];
    struct snp_guest_request_ioctl io;
    struct snp_report_req bare = {.user_data = {7}, .vmpl = 1};
    struct snp_ext_report_req ext = {.data = {.user_data = {7}}};
    struct snp_derived_key_req key = {.guest_svn = 1};
    struct snp_derived_key_resp keys[2] = {0};
    int fd = open("/dev/sev-guest", O_RDWR | O_CLOEXEC);
    MUST(fd >= 0);
    check(ask(fd, SNP_GET_REPORT, &bare, &resp, &io) == 0 && io.exitinfo2 == 0, "bare report");
    memcpy(raw, resp.data + 32, sizeof(raw));
    check(resp.data[4] == 0xA0 && resp.data[5] == 4 && raw[0x50] == 7 && raw[0x30] == 1,
          "bare report: size, REPORT_DATA, VMPL");
    /* The length of the table is asked for by giving none. */
    check(ask(fd, SNP_GET_EXT_REPORT, &ext, &resp, &io) == EIO &&
              io.vmm_error == SNP_GUEST_VMM_ERR_INVALID_LEN && ext.certs_len >= p->table_size &&
              ext.certs_len % 4096 == 0,
          "length of the table");
    ext.certs_address = (uintptr_t)certs;
    check(ask(fd, SNP_GET_EXT_REPORT, &ext, &resp, &io) == 0 &&
              cl_ct_equal(certs, p->table, p->table_size),
          "table");
    ext.certs_len = 100;
    check(ask(fd, SNP_GET_EXT_REPORT, &ext, &resp, &io) == EINVAL, "length: not whole pages");
    ext.certs_len = 2 * PLAY_CERTS_MAX;
    check(ask(fd, SNP_GET_EXT_REPORT, &ext, &resp, &io) == EINVAL, "length: beyond the driver's");
    check(ask(fd, SNP_GET_DERIVED_KEY, &key, &keys[0], &io) == 0, "derived key");
    key.guest_svn = 2;
    check(ask(fd, SNP_GET_DERIVED_KEY, &key, &keys[1], &io) == 0 &&
              !cl_ct_equal(keys[0].data + 32, keys[1].data + 32, 32),
          "another derived key");
    check(ask(fd, SNP_GET_REPORT, NULL, &resp, &io) == EINVAL, "no request");
    io.msg_version = 0;
    check(ioctl(fd, SNP_GET_REPORT, &io) != 0 && errno == EINVAL, "version 0");
    check(ask(fd, _IOWR('S', 9, struct snp_guest_request_ioctl), &bare, &resp, &io) == ENOTTY,
          "unknown request");
    (void)close(fd);
}

static void recorded_report(struct play *p)
{
    char line[1024], data[129], measurement[97];
    if (!read_recorded(p)) {
        printf("SKIP: no vectors of real reports here (set CLOISTER_SHARED)\n");
        return;
    }
    cl_hex(data, p->recorded + 0x50, 64);
    cl_hex(measurement, p->recorded + 0x90, 48);
    p->lie = PLAY_RECORDED;
    (void)snprintf(line, sizeof(line), "evidence --report-data %s --out @/evidence.json", data);
    expect("recorded", line, 0, "");
    (void)snprintf(line, sizeof(line),
                   "verify --tee snp --evidence @/evidence.json --time " RECORDED_TIME
                   " --report-data %s --measurement %s",
                   data, measurement);
    expect("recorded, with AMD's own root", line, 0, "");
    expect("recorded, asked for another nonce", GATHER, 4, "sev-guest: report_data: expected what");
    p->lie = PLAY_HONEST;
}

static void sev_guest(struct play *p)
{
    static const struct scenario all[] = {
        {"honest", PLAY_HONEST, 0, "", 0, ""},
        {"short answer", PLAY_SHORT, 3, "expected status 0 and 1184 bytes, got 0 and 0", 0, ""},
        {"length lied about", PLAY_LENGTH, 3, "1184 bytes, got 0 and 1183", 0, ""},
        {"status", PLAY_STATUS, 3, "got 22 and 0", 0, ""},
        {"firmware error", PLAY_FIRMWARE, 5, "report: firmware 22, hypervisor 0", 0, ""},
        {"busy", PLAY_BUSY, 5, "report: firmware 255, hypervisor 2", 0, ""},
        {"table too large", PLAY_LARGE_TABLE, 0, "", 3, "undetermined"},
        {"table malformed", PLAY_BAD_TABLE, 4, "certificate table", 0, ""},
        {"other data", PLAY_OTHER_DATA, 4, "sev-guest: report_data: expected what was asked", 0,
         ""},
        {"forged", PLAY_FORGED, 0, "", 1, "rejected: snp.signature"},
    };
    pid_t player = play_sev_guest(p);
    MUST(player > 0);
    driver_protocol(p);
    play_all(p, all, CL_ARRAY_LEN(all), VERIFY_SNP);
    p->lie = PLAY_LARGE_TABLE;
    expect("table too large", GATHER, 0, "");
    expect("table too large, certificates from elsewhere",
           VERIFY_SNP " --certs @/ek.der --certs @/ask.der --certs @/ark.der", 0, "");
    p->lie = PLAY_HONEST;
    expect("honest", GATHER, 0, "");
    expect("not of AMD's chain",
           "verify --tee snp --evidence @/evidence.json --time 2026-01-01T00:00:00Z "
           "--authenticity-only",
           1, "rejected: snp.");
    recorded_report(p);
    play_stop(player);
}

/* ---- /dev/tdx_guest ---- */

static void check_tdreport(void)
{
    char path[192];
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf raw = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *j = NULL;
    const char *encoded = NULL;
    struct cl_tdx_td td;
    bool tdx15 = false;
    name_of("evidence.json", path);
    MUST(cl_buf_read_file(&text, path, 1u << 20, NULL) == CL_OK);
    MUST(cl_json_parse(text.data, text.len, "evidence", &j, NULL) == CL_OK);
    MUST(cl_json_get_string(j, "evidence", "td_report", &encoded, NULL) == CL_OK);
    MUST(cl_b64url_decode(&raw, encoded, strlen(encoded), "td_report", NULL) == CL_OK);
    check(cl_tdx_report_decode(raw.data, raw.len, &td, &tdx15, NULL) == CL_OK &&
              td.report_data[0] == 0x5A && td.report_data[6] == 0 && td.mrtd[0] == 0x3E,
          "td_report is what the device made");
}

static void tdx_guest(struct play *p)
{
    static const struct scenario all[] = {
        {"short answer", PLAY_SHORT, 4, "TDREPORT", 0, ""},
        {"firmware error", PLAY_FIRMWARE, 5, "tdx_guest: report", 0, ""},
        {"busy", PLAY_BUSY, 5, "tdx_guest: report", 0, ""},
        {"other data", PLAY_OTHER_DATA, 4, "tdx_guest: report_data: expected what was asked", 0,
         ""},
    };
    pid_t player = play_tdx_guest(p);
    MUST(player > 0);
    expect("honest TDREPORT", GATHER, 3, "got only a TDREPORT");
    check_tdreport();
    expect("a TDREPORT is no evidence", VERIFY_TDX, 4, "");
    play_all(p, all, CL_ARRAY_LEN(all), VERIFY_TDX);
    play_stop(player);
}

/* ---- configfs-tsm ---- */

static void tsm(struct play *p)
{
    static const struct scenario snp[] = {
        {"tsm", PLAY_HONEST, 0, "", 0, ""},
        {"tsm, busy twice", PLAY_BUSY_TWICE, 0, "", 0, ""},
        {"tsm, busy", PLAY_BUSY, 3, "outblob: expected a report, got busy in each of 5 tries", 0,
         ""},
        {"tsm, other writers", PLAY_WRITERS, 3, "got another writer's in each of 5 tries", 0, ""},
        {"tsm, no provider", PLAY_NO_PROVIDER, 3, "expected configfs-tsm, /dev/sev-guest", 0, ""},
        {"tsm, provider unknown", PLAY_PROVIDER, 4, "expected sev_guest or tdx_guest, got 'arm_cca",
         0, ""},
        {"tsm, firmware error", PLAY_FIRMWARE, 5, "outblob", 0, ""},
        {"tsm, short report", PLAY_SHORT, 4, "report", 0, ""},
        {"tsm, empty report", PLAY_EMPTY, 4, "report", 0, ""},
        {"tsm, huge report", PLAY_LARGE, 4, "outblob", 0, ""},
        {"tsm, other data", PLAY_OTHER_DATA, 4, "report_data: expected what was asked for", 0, ""},
        {"tsm, forged", PLAY_FORGED, 0, "", 1, "rejected: snp.signature"},
    };
    static const struct scenario td[] = {
        {"tsm of a TD", PLAY_HONEST, 0, "", 0, ""},
        {"tsm of a TD, short quote", PLAY_SHORT, 4, "quote", 0, ""},
        {"tsm of a TD, other data", PLAY_OTHER_DATA, 4, "report_data: expected what was asked", 0,
         ""},
        {"tsm of a TD, forged", PLAY_FORGED, 0, "", 1, "rejected: tdx."},
    };
    pid_t player = play_tsm(p, CONFIGFS);
    MUST(player > 0);
    play_all(p, snp, CL_ARRAY_LEN(snp), VERIFY_SNP);
    p->td = true;
    play_all(p, td, CL_ARRAY_LEN(td), VERIFY_TDX);
    play_stop(player);
}

/* ---- main ---- */

static int load(const char *module)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)execl("/sbin/modprobe", "modprobe", "-q", module, (char *)NULL);
        _exit(127);
    }
    int status = 1;
    (void)waitpid(pid, &status, 0);
    return status;
}

static int play(const char *keys)
{
    const char *lab = getenv("CLOISTER_LAB"), *scratch = getenv("LAB_SCRATCH");
    struct play *p =
        mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (lab == NULL || strcmp(lab, "lab") != 0 || scratch == NULL) {
        printf("SKIP: devices are played in the lab only\n");
        return SKIPPED;
    }
    (void)load("cuse");
    (void)load("configfs");
    if (access("/dev/cuse", F_OK) != 0 || access(CONFIGFS, F_OK) != 0) {
        printf("SKIP: this kernel has no CUSE, or no configfs\n");
        return SKIPPED;
    }
    MUST(p != MAP_FAILED);
    (void)snprintf(dir, sizeof(dir), "%s/tee-XXXXXX", scratch);
    MUST(mkdtemp(dir) != NULL);
    /* What is mounted here nobody else sees. */
    MUST(unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    make_snp_world(p, keys);
    make_tdx_world();
    sev_guest(p);
    tdx_guest(p);
    tsm(p);
    printf("%u failures\n", failures);
    return failures == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3 && strcmp(argv[1], "world") == 0) {
        char temporary[512];
        if (access(argv[2], R_OK) == 0) {
            return 0;
        }
        (void)snprintf(temporary, sizeof(temporary), "%s.new", argv[2]);
        world_init();
        world_save(temporary);
        return rename(temporary, argv[2]) == 0 ? 0 : 1;
    }
    if (argc == 4 && strcmp(argv[1], "play") == 0) {
        cloister = argv[3];
        return play(argv[2]);
    }
    (void)fprintf(stderr, "usage: test_tee_devices world FILE | play FILE CLOISTER\n");
    return 2;
}
