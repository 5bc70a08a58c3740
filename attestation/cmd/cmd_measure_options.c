/* SPDX-License-Identifier: Apache-2.0
 * cmd_measure_options.c - the command line of both `cloister measure` commands: one table of the
 * options that they share, files of the installed guest, and the digest after --explain.
 * Trust: the user's command line. Threads: one. Memory: one command line.
 */
#include "cmd/cmd_measure.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"

#include <assert.h>
#include <getopt.h>
#include <string.h>

#define MAX_OPTIONS 24u

static enum cl_status take_class(void *arg, const char *value, struct cl_err *err)
{
    return cl_tee_class_parse(value, arg, err);
}

static enum cl_status take_time(void *arg, const char *value, struct cl_err *err)
{
    return cl_time_parse(value, arg, err);
}

static enum cl_status take_option(const struct measure_option *o, const char *value,
                                  struct cl_err *err)
{
    if (o->take != NULL) {
        return o->take(o->arg, value, err);
    }
    if (o->flag != NULL) {
        *o->flag = true;
    } else {
        *o->text = value;
    }
    return CL_OK;
}

/* What stands behind the options. */
static enum cl_status take_operands(struct measure_common *m, int argc, char **argv,
                                    struct cl_err *err)
{
    uint8_t digest[48];
    if (m->explain && optind + 1 == argc) {
        m->expected = argv[optind];
        return cl_unhex(digest, sizeof(digest), m->expected, "--explain", err);
    }
    return optind == argc ? CL_OK
                          : cl_err_set(err, CL_ERR_MALFORMED, "argument: expected none, got '%s'",
                                       argv[optind]);
}

enum cl_status measure_parse(struct measure_common *m, const struct measure_option *own,
                             size_t own_count, int argc, char **argv, struct cl_err *err)
{
    const struct measure_option common[] = {
        {"guest", .text = &m->guest_dir},
        {"firmware", .text = &m->firmware},
        {"kernel", .text = &m->kernel},
        {"initrd", .text = &m->initrd},
        {"cmdline", .text = &m->cmdline},
        {"class", .take = take_class, .arg = &m->tee_class},
        {"corim", .text = &m->corim.file},
        {"corim-key", .text = &m->corim.key},
        {"corim-class", .take = take_class, .arg = &m->corim.tee_class},
        {"corim-expires", .take = take_time, .arg = &m->corim.expires},
        {"explain", .flag = &m->explain},
        {"json", .flag = &m->json},
        {"help", .flag = &m->help},
    };
    struct measure_option all[MAX_OPTIONS];
    struct option names[MAX_OPTIONS + 1] = {0};
    const size_t common_count = CL_ARRAY_LEN(common), count = common_count + own_count;
    assert(count <= MAX_OPTIONS);
    memcpy(all, common, sizeof(common));
    memcpy(all + common_count, own, own_count * sizeof(*own));
    for (size_t i = 0; i < count; i++) {
        int has_value = all[i].flag != NULL ? no_argument : required_argument;
        names[i] = (struct option){all[i].name, has_value, NULL, (int)i};
    }
    opterr = 0;
    optind = 0; /* the dispatcher may have been here before: start anew */
    for (int c = 0; !m->help && (c = getopt_long(argc, argv, ":", names, NULL)) != -1;) {
        if (c == '?' || c == ':') {
            return cl_err_set(err, CL_ERR_MALFORMED,
                              "option: expected one of --help's list with its value, got another");
        }
        CL_TRY(take_option(&all[c], optarg, err));
    }
    return m->help ? CL_OK : take_operands(m, argc, argv, err);
}

enum cl_status measure_check_class(struct measure_common *m, enum cl_tee_class hardware,
                                   enum cl_tee_class simulated, struct cl_err *err)
{
    enum cl_tee_class said = m->tee_class;
    if (said != CL_TEE_CLASS_NONE && said != hardware && said != simulated) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--class: expected %s or %s, got %s",
                          cl_tee_class_name(hardware), cl_tee_class_name(simulated),
                          cl_tee_class_name(said));
    }
    if (said != CL_TEE_CLASS_NONE && m->corim.tee_class != CL_TEE_CLASS_NONE &&
        m->corim.tee_class != said) {
        return cl_err_set(err, CL_ERR_MALFORMED, "--corim-class: expected %s, as --class, got %s",
                          cl_tee_class_name(said), cl_tee_class_name(m->corim.tee_class));
    }
    return measure_corim_check(&m->corim, said != CL_TEE_CLASS_NONE ? said : hardware, hardware,
                               simulated, err);
}

static bool is_hardware(enum cl_tee_class c)
{
    return c == CL_TEE_CLASS_SNP || c == CL_TEE_CLASS_TDX;
}

enum cl_status measure_take_files(struct measure_common *m, struct cl_err *err)
{
    if (m->firmware != NULL) {
        return CL_OK;
    }
    CL_TRY(cl_guest_find(m->guest_dir, &m->guest, err));
    m->firmware = m->guest.firmware;
    if (m->kernel != NULL) {
        return CL_OK;
    }
    m->kernel = m->guest.kernel;
    m->initrd = m->initrd != NULL ? m->initrd : m->guest.initrd;
    if (m->cmdline == NULL) {
        CL_TRY(cl_guest_read_class_cmdline(m->guest.cmdline, is_hardware(m->tee_class),
                                           &m->guest_cmdline, err));
        CL_TRY(cl_buf_cstr(&m->guest_cmdline, "command line", &m->cmdline, err));
    }
    return CL_OK;
}

int measure_end(struct measure_common *m, enum cl_status st, const struct cl_err *err,
                const char *hint)
{
    cl_buf_done(&m->guest_cmdline);
    if (st == CL_OK) {
        return 0;
    }
    if (m->firmware == NULL) {
        return cl_fail(err, "name the files, or the guest's folder with --guest");
    }
    return cl_fail(err, hint[0] != '\0' ? hint : NULL);
}
