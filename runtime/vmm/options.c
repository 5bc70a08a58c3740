/* SPDX-License-Identifier: Apache-2.0
 * options.c - parses the command line. Trust, threads: see options.h.
 */
#include "options.h"

#include "base/cmd.h"
#include "base/encode.h"
#include "base/io.h"

#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PROG "vmm"

enum option_id {
    OPT_TEE = 1000,
    OPT_FIRMWARE,
    OPT_KERNEL,
    OPT_INITRD,
    OPT_CMDLINE_FILE,
    OPT_CPUS,
    OPT_MEMORY,
    OPT_HOST_DATA,
    OPT_KERNEL_DIGEST,
    OPT_INITRD_DIGEST,
    OPT_VSOCK_DIR,
    OPT_DISK,
    OPT_NET,
    OPT_PSP_SOCKET,
    OPT_CONSOLE,
    OPT_STATUS_FD,
    OPT_CONTROL,
    OPT_NO_JAIL,
    OPT_LOG,
    OPT_ID_BLOCK,
    OPT_ID_AUTH,
    OPT_ID_AUTHOR,
    OPT_CERTS,
    OPT_MR_CONFIG_ID,
    OPT_QGS,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"tee", required_argument, NULL, OPT_TEE},
    {"firmware", required_argument, NULL, OPT_FIRMWARE},
    {"kernel", required_argument, NULL, OPT_KERNEL},
    {"initrd", required_argument, NULL, OPT_INITRD},
    {"cmdline-file", required_argument, NULL, OPT_CMDLINE_FILE},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"host-data", required_argument, NULL, OPT_HOST_DATA},
    {"kernel-digest", required_argument, NULL, OPT_KERNEL_DIGEST},
    {"initrd-digest", required_argument, NULL, OPT_INITRD_DIGEST},
    {"vsock-dir", required_argument, NULL, OPT_VSOCK_DIR},
    {"disk", required_argument, NULL, OPT_DISK},
    {"net", required_argument, NULL, OPT_NET},
    {"psp-socket", required_argument, NULL, OPT_PSP_SOCKET},
    {"console", required_argument, NULL, OPT_CONSOLE},
    {"status-fd", required_argument, NULL, OPT_STATUS_FD},
    {"control", required_argument, NULL, OPT_CONTROL},
    {"insecure-no-jail", no_argument, NULL, OPT_NO_JAIL},
    {"log", required_argument, NULL, OPT_LOG},
    {"id-block", required_argument, NULL, OPT_ID_BLOCK},
    {"id-auth", required_argument, NULL, OPT_ID_AUTH},
    {"id-author", no_argument, NULL, OPT_ID_AUTHOR},
    {"certs", required_argument, NULL, OPT_CERTS},
    {"mr-config-id", required_argument, NULL, OPT_MR_CONFIG_ID},
    {"qgs", required_argument, NULL, OPT_QGS},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static const char help_text[] =
    "usage: cloister-vmm --tee CLASS --firmware F --kernel K [--initrd I] --cmdline-file C\n"
    "                    --cpus N --memory SIZE --host-data HEX64 --vsock-dir DIR [options]\n"
    "\n"
    "Runs one virtual machine in a jail of its own. Normally started by 'cloister run'.\n"
    "\n"
    "  --tee CLASS           snp, tdx; or sim-snp: a simulated security processor, protects "
    "nothing\n"
    "  --firmware FILE       the measured firmware, exactly 64 KiB\n"
    "  --kernel, --initrd    what the firmware verifies and boots\n"
    "  --cmdline-file FILE   the kernel's command line, without a line end\n"
    "  --cpus N, --memory S  1 to 16 CPUs; 128M to 512G in steps of 2M\n"
    "  --host-data HEX       SHA-256 of the initdata document\n"
    "  --kernel-digest HEX   SHA-256 of the kernel, where it is known: saves time; a wrong one is\n"
    "  --initrd-digest HEX   refused by the firmware\n"
    "  --vsock-dir DIR       guest_P.sock in it serves the guest's port P; host.sock is made here\n"
    "  --disk ro:F | rw:F | fd:N | none\n"
    "                        a block device: a file, or an open one; slots are filled from 1 on,\n"
    "                        and none leaves one empty\n"
    "  --net FD,MAC,MTU      a network interface: an open tap with 12-byte vnet headers\n"
    "  --id-block FILE --id-auth FILE [--id-author]\n"
    "                        snp: who vouches for this guest ('cloister idblock' makes them)\n"
    "  --certs FILE          snp: the certificate table that goes with the guest's reports\n"
    "  --mr-config-id HEX96  tdx: MRCONFIGID, where it is not --host-data with zeros behind it\n"
    "  --qgs PATH|vsock      tdx: Intel's quote generation service: its socket, or port 4050 of "
    "the\n"
    "                        host\n"
    "  --psp-socket PATH     launch socket of cloister-sim-psp\n"
    "  --console FILE|-      debug console, visible to the host\n"
    "  --status-fd N         events, one JSON object a line\n"
    "  --control PATH        socket for requests while the VM runs\n"
    "  --insecure-no-jail    run without the jail (debugging only)\n"
    "  --log LEVEL           error, warn, info, debug, or area=level\n"
    "\n"
    "Exit status: 0 power-off, 10 reset, 11 guest panic, 12 refused by the firmware, 13 triple\n"
    "fault, 14 stopped, 2 usage, 4 malformed input, 5 system, 125 the jail.\n"
    "\n"
    "Example:\n"
    "  cloister-vmm --tee sim-snp --firmware stage0.bin --kernel vmlinuz --initrd initrd.img \\\n"
    "      --cmdline-file guest.cmdline --cpus 1 --memory 512M --host-data $(sha256sum < i.toml |\n"
    "      cut -c1-64) --vsock-dir run --status-fd 3 3>status.json\n";

static int bad(const struct cl_err *err)
{
    return cl_usage_error(PROG, "%s", err->msg);
}

static int parse_disk(const char *arg, struct vmm_options *o)
{
    struct vmm_disk_option d = {.fd = -1};
    struct cl_err err = {0};
    uint64_t fd = 0;
    if (strncmp(arg, "fd:", 3) == 0) {
        if (cl_uint_parse(arg + 3, "--disk: descriptor", 3, 1023, &fd, &err) != CL_OK) {
            return bad(&err);
        }
        d.fd = (int)fd;
    } else if (strcmp(arg, "none") != 0) {
        d.read_only = strncmp(arg, "ro:", 3) == 0;
        if ((!d.read_only && strncmp(arg, "rw:", 3) != 0) || arg[3] == '\0') {
            return cl_usage_error(PROG, "--disk: expected ro:FILE, rw:FILE, fd:N or none, got '%s'",
                                  arg);
        }
        d.path = arg + 3;
    }
    if (o->disk_count == VMM_DISKS) {
        return cl_usage_error(PROG, "--disk: expected at most %d disks", VMM_DISKS);
    }
    o->disk[o->disk_count++] = d;
    return -1;
}

/* Of one station, not of a group. */
static enum cl_status parse_station(const char *text, uint8_t ret[static CL_MAC_SIZE],
                                    struct cl_err *err)
{
    CL_TRY(cl_mac_parse(text, "--net: address", ret, err));
    return (ret[0] & 1) == 0
               ? CL_OK
               : cl_err_set(err, CL_ERR_MALFORMED,
                            "--net: address: expected one of a single station, got '%s'", text);
}

/* FD,MAC,MTU */
static int parse_net(const char *arg, struct vmm_options *o)
{
    struct vmm_net_config *cfg = &o->cfg.net[o->cfg.net_count];
    char text[64];
    struct cl_err err = {0};
    uint64_t fd = 0;
    uint64_t mtu = 0;
    if (o->cfg.net_count == VMM_NETS) {
        return cl_usage_error(PROG, "--net: expected at most %d interfaces", VMM_NETS);
    }
    (void)snprintf(text, sizeof(text), "%s", arg);
    char *mac = strchr(text, ',');
    char *end = mac != NULL ? strchr(mac + 1, ',') : NULL;
    if (end == NULL || strlen(arg) >= sizeof(text)) {
        return cl_usage_error(PROG, "--net: expected FD,MAC,MTU, got '%s'", arg);
    }
    *mac++ = '\0';
    *end++ = '\0';
    if (cl_uint_parse(text, "--net: descriptor", 3, 1023, &fd, &err) != CL_OK ||
        cl_uint_parse(end, "--net: MTU", 68, UINT16_MAX, &mtu, &err) != CL_OK ||
        parse_station(mac, cfg->mac, &err) != CL_OK) {
        return bad(&err);
    }
    struct ifreq tap = {0};
    int header = 0;
    if (ioctl((int)fd, TUNGETIFF, &tap) != 0 || (tap.ifr_flags & IFF_TAP) == 0 ||
        (tap.ifr_flags & IFF_VNET_HDR) == 0 || ioctl((int)fd, TUNGETVNETHDRSZ, &header) != 0 ||
        header != (int)VMM_NET_HEADER) {
        return cl_usage_error(PROG,
                              "--net: descriptor %s: expected a tap with vnet headers of %u bytes",
                              text, VMM_NET_HEADER);
    }
    cfg->mtu = (uint16_t)mtu;
    cfg->offloads = true;
    o->net_fd[o->cfg.net_count++] = (int)fd;
    return -1;
}

static int parse_digest(const char *arg, const char *name, uint8_t ret[static CL_SHA256_SIZE])
{
    struct cl_err err = {0};
    return cl_unhex(ret, CL_SHA256_SIZE, arg, name, &err) == CL_OK ? -1 : bad(&err);
}

static const struct tee_ops *find_tee(const char *name)
{
    static const struct tee_ops *const all[] = {&tee_sim_ops, &tee_snp_ops, &tee_tdx_ops};
    for (size_t i = 0; i < CL_ARRAY_LEN(all); i++) {
        if (strcmp(name, all[i]->name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

/* Options whose value is checked here. */
static int parse_value(int id, const char *arg, struct vmm_options *o)
{
    struct cl_err err = {0};
    uint64_t n = 0;
    switch (id) {
    case OPT_TEE:
        o->cfg.tee = find_tee(arg);
        return o->cfg.tee != NULL
                   ? -1
                   : cl_usage_error(PROG, "--tee: expected snp, tdx or sim-snp, got '%s'", arg);
    case OPT_CPUS:
        if (cl_uint_parse(arg, "--cpus", 1, STAGE0_CPU_MAX, &n, &err) != CL_OK) {
            return bad(&err);
        }
        o->cfg.cpu_count = (unsigned)n;
        return -1;
    case OPT_MEMORY:
        if (cl_size_parse(arg, "--memory", &o->cfg.ram_size, &err) != CL_OK) {
            return bad(&err);
        }
        if (o->cfg.ram_size < VMM_MEM_MIN || o->cfg.ram_size > VMM_MEM_MAX ||
            o->cfg.ram_size % VMM_MEM_ALIGN != 0) {
            return cl_usage_error(PROG, "--memory: expected a multiple of 2M in 128M..512G, got %s",
                                  arg);
        }
        return -1;
    case OPT_HOST_DATA:
        return parse_digest(arg, "--host-data", o->cfg.host_data);
    case OPT_MR_CONFIG_ID:
        return cl_unhex(o->cfg.mr_config_id, TEE_MR_CONFIG_ID_SIZE, arg, "--mr-config-id", &err) ==
                       CL_OK
                   ? -1
                   : bad(&err);
    case OPT_QGS:
        o->has_qgs = true;
        return vmm_qgs_address_parse(arg, &o->qgs, &err) == CL_OK ? -1 : bad(&err);
    case OPT_KERNEL_DIGEST:
        o->cfg.has_kernel_digest = true;
        return parse_digest(arg, "--kernel-digest", o->cfg.kernel_digest);
    case OPT_INITRD_DIGEST:
        o->cfg.has_initrd_digest = true;
        return parse_digest(arg, "--initrd-digest", o->cfg.initrd_digest);
    case OPT_NET:
        return parse_net(arg, o);
    case OPT_STATUS_FD:
        if (cl_uint_parse(arg, "--status-fd", 1, 1023, &n, &err) != CL_OK) {
            return bad(&err);
        }
        o->status_fd = (int)n;
        return fcntl(o->status_fd, F_GETFD) >= 0
                   ? -1
                   : cl_usage_error(PROG, "--status-fd: %s is not open", arg);
    default:
        return parse_disk(arg, o);
    }
}

/* Options that are just a name. NULL: not one of them. */
static const char **string_option(int id, struct vmm_options *o)
{
    switch (id) {
    case OPT_FIRMWARE:
        return &o->firmware;
    case OPT_KERNEL:
        return &o->kernel;
    case OPT_INITRD:
        return &o->initrd;
    case OPT_CMDLINE_FILE:
        return &o->cmdline_file;
    case OPT_VSOCK_DIR:
        return &o->vsock_dir;
    case OPT_PSP_SOCKET:
        return &o->psp_socket;
    case OPT_CONSOLE:
        return &o->console;
    case OPT_CONTROL:
        return &o->control;
    case OPT_LOG:
        return &o->log_level;
    case OPT_ID_BLOCK:
        return &o->id_block;
    case OPT_ID_AUTH:
        return &o->id_auth;
    case OPT_CERTS:
        return &o->certs;
    default:
        return NULL;
    }
}

/* What must be there, or may not be, by class. */
static int check_class(const struct vmm_options *o, bool have_config_id)
{
    bool for_snp = o->id_block != NULL || o->id_auth != NULL || o->certs != NULL;
    if (for_snp && o->cfg.tee != &tee_snp_ops) {
        return cl_usage_error(PROG, "--id-block, --id-auth, --certs: expected --tee snp, got %s",
                              o->cfg.tee->name);
    }
    if ((have_config_id || o->has_qgs) && o->cfg.tee != &tee_tdx_ops) {
        return cl_usage_error(PROG, "--mr-config-id, --qgs: expected --tee tdx, got %s",
                              o->cfg.tee->name);
    }
    if ((o->id_block == NULL) != (o->id_auth == NULL) || (o->cfg.id_author && !o->id_auth)) {
        return cl_usage_error(PROG, "--id-block: expected together with --id-auth");
    }
    return -1;
}

static int check_required(const struct vmm_options *o, bool have_host_data)
{
    const struct {
        bool given;
        const char *name;
    } required[] = {
        {o->cfg.tee != NULL, "--tee"},    {o->firmware != NULL, "--firmware"},
        {o->kernel != NULL, "--kernel"},  {o->cmdline_file != NULL, "--cmdline-file"},
        {o->cfg.cpu_count > 0, "--cpus"}, {o->cfg.ram_size > 0, "--memory"},
        {have_host_data, "--host-data"},  {o->vsock_dir != NULL, "--vsock-dir"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(required); i++) {
        if (!required[i].given) {
            return cl_usage_error(PROG, "%s is missing", required[i].name);
        }
    }
    return -1;
}

/* MRCONFIGID has 48 bytes: a digest of 32 stands there with zeros behind it (interfaces.md I-7). */
static int finish(struct vmm_options *o, bool have_host_data, bool have_config_id)
{
    if (have_host_data && have_config_id) {
        return cl_usage_error(PROG, "--mr-config-id: expected instead of --host-data");
    }
    if (!have_config_id) {
        memcpy(o->cfg.mr_config_id, o->cfg.host_data, sizeof(o->cfg.host_data));
    }
    int rc = check_required(o, have_host_data || have_config_id);
    return rc >= 0 ? rc : check_class(o, have_config_id);
}

int vmm_options_parse(int argc, char **argv, struct vmm_options *ret_o)
{
    struct vmm_options o = {.status_fd = -1, .cfg.cpu_sig = TEE_SNP_CPU_SIG};
    bool have_host_data = false;
    bool have_config_id = false;
    opterr = 0;
    for (;;) {
        int id = getopt_long(argc, argv, ":", long_options, NULL);
        if (id < 0) {
            break;
        }
        const char **name = string_option(id, &o);
        if (name != NULL) {
            *name = optarg;
        } else if (id == OPT_NO_JAIL) {
            o.insecure_no_jail = true;
        } else if (id == OPT_ID_AUTHOR) {
            o.cfg.id_author = true;
        } else if (id == OPT_HELP || id == OPT_VERSION) {
            (void)fputs(id == OPT_HELP ? help_text : "cloister-vmm " CL_VERSION "\n", stdout);
            return 0;
        } else if (id == ':' || id == '?') {
            return cl_usage_error(PROG, "'%s': %s", argv[optind - 1],
                                  id == ':' ? "expected a value" : "no such option");
        } else {
            int rc = parse_value(id, optarg, &o);
            if (rc >= 0) {
                return rc;
            }
            have_host_data = have_host_data || id == OPT_HOST_DATA;
            have_config_id = have_config_id || id == OPT_MR_CONFIG_ID;
        }
    }
    if (optind < argc) {
        return cl_usage_error(PROG, "'%s': expected no argument", argv[optind]);
    }
    o.cfg.jailed = !o.insecure_no_jail;
    *ret_o = o;
    return finish(ret_o, have_host_data, have_config_id);
}
