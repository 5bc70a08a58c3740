/* SPDX-License-Identifier: Apache-2.0
 * vmm.h - one VM: memory, vCPUs, devices, threads. The parts that need KVM meet here; the devices
 * themselves know nothing of it.
 * Trust: the guest is an attacker; the command line is the user's.
 * Threads: main (events, vsock, control), disks, interfaces, quotes, and one for each vCPU.
 * `bus_lock` serialises the I/O APIC, the serial port and the payload; each virtio device has a
 * lock of its own.
 */
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include "base/buf.h"
#include "blk.h"
#include "ioapic.h"
#include "mem.h"
#include "net.h"
#include "payload.h"
#include "quotes.h"
#include "serial.h"
#include "stage0_abi.h"
#include "status.h"
#include "tee/tee.h"
#include "vsock.h"
#include "worker.h"

#define VMM_SLOT_RAM_LOW 0u
#define VMM_SLOT_RAM_HIGH 1u
#define VMM_SLOT_ROM 2u
#define VMM_SLOT_PAYLOAD 3u

#define VMM_DISKS STAGE0_VIRTIO_BLOCK_COUNT
#define VMM_NETS STAGE0_VIRTIO_NET_COUNT
/* Numbers of the queues' eventfds: vsock has three, a disk one, an interface two. */
#define VMM_QUEUE_DISK(i) (3u + (i))
#define VMM_QUEUE_NET(i, q) (3u + VMM_DISKS + 2u * (i) + (q))
#define VMM_QUEUE_EVENTS VMM_QUEUE_NET(VMM_NETS, 0u)
/* And of the interrupts'. */
#define VMM_IRQ_DISK(i) (1u + (i))
#define VMM_IRQ_NET(i) (1u + VMM_DISKS + (i))
#define VMM_IRQ_EVENTS VMM_IRQ_NET(VMM_NETS)

/* Everything that was opened before the jail closed. Descriptors are owned; -1: absent. */
struct vmm_files {
    int kvm_fd;
    int kernel_fd;
    int initrd_fd;
    int psp_fd;
    int console_fd;
    int status_fd;
    int control_fd;   /* listening */
    int vsock_fd;     /* listening: DIR/host.sock */
    int vsock_dir_fd; /* DIR */
    int sev_fd;       /* /dev/sev, of a VM of class snp */
    int qgs_fd;       /* class tdx: of the process that connects to the quote service (qgs.h) */
    int disk_fd[VMM_DISKS];
    int net_fd[VMM_NETS];
    uint8_t *rom; /* STAGE0_ROM_SIZE bytes, page aligned */
    char cmdline[STAGE0_CMDLINE_SIZE_MAX];
    struct cl_buf id_block; /* of class snp: empty, or 96 bytes */
    struct cl_buf id_auth;  /* 4096 bytes with it */
    struct cl_buf certs;    /* a certificate table; snp.md a.9 */
};

struct vmm_config {
    unsigned cpu_count;
    uint32_t cpu_sig; /* TEE_SNP_CPU_SIG, but in tests */
    uint64_t ram_size;
    uint8_t host_data[TEE_HOST_DATA_SIZE];
    uint8_t mr_config_id[TEE_MR_CONFIG_ID_SIZE]; /* of class tdx, instead of host_data */
    const struct tee_ops *tee;
    bool id_author; /* the ID authentication has an author key */
    bool has_kernel_digest;
    bool has_initrd_digest;
    uint8_t kernel_digest[CL_SHA256_SIZE]; /* as the caller knows them (payload.h) */
    uint8_t initrd_digest[CL_SHA256_SIZE];
    bool jailed;
    unsigned net_count;
    struct vmm_net_config net[VMM_NETS];
};

struct vmm;

struct vmm_vcpu {
    struct vmm *vmm;
    unsigned index;
    int fd;
    struct kvm_run *run;
    size_t run_size;
    pthread_t thread;
    bool started;
};

struct vmm {
    const struct vmm_config *cfg; /* borrowed */
    struct vmm_files *files;      /* borrowed */
    struct vmm_status status;
    struct vmm_kvm kvm;
    struct tee *tee;
    struct tee_rom rom;
    struct vmm_mem mem;
    struct vmm_payload payload;
    pthread_mutex_t bus_lock;
    struct vmm_ioapic ioapic;
    struct vmm_msi routes[VMM_IOAPIC_PINS]; /* as the kernel has them; address 0: none */
    struct vmm_serial serial;
    int serial_irq_fd;
    unsigned last_mark;
    struct vmm_vsock vsock;
    struct vmm_blk disk[VMM_DISKS];
    struct vmm_net net[VMM_NETS];
    int irq_fd[VMM_IRQ_EVENTS];     /* eventfds */
    int queue_fd[VMM_QUEUE_EVENTS]; /* eventfds */
    int epoll_fd;                   /* of the main thread */
    int signal_fd;
    struct vmm_worker disks;
    struct vmm_worker nets;
    struct vmm_quotes quotes;
    struct vmm_vcpu vcpu[TEE_MAX_CPUS];
};

/* kvm.c */
extern const struct vmm_kvm_ops vmm_kvm_real;

/* vm.c: everything up to the point where vCPUs could run. A half-built VM may be given to _done.
 * ops, ops_ctx: how KVM is reached; the descriptors in files are theirs. start_us: when the process
 * started, for the first event. */
CL_NODISCARD enum cl_status vmm_init(struct vmm *v, const struct vmm_kvm_ops *ops, void *ops_ctx,
                                     const struct vmm_config *cfg, struct vmm_files *files,
                                     uint64_t start_us, struct cl_err *err);
void vmm_done(struct vmm *v);

/* vcpu.c */
CL_NODISCARD enum cl_status vmm_vcpus_create(struct vmm *v, struct cl_err *err);
CL_NODISCARD enum cl_status vmm_vcpus_start(struct vmm *v, struct cl_err *err);
/* The table that CPU `index` is to have, as far as KVM and our devices are concerned. */
CL_NODISCARD enum cl_status vmm_vcpu_cpuid(struct vmm *v, unsigned index, struct tee_cpuid *ret_c,
                                           struct cl_err *err);
void vmm_vcpus_stop(struct vmm *v); /* waits for the threads */
void vmm_vcpus_done(struct vmm *v);
/* Runs until one exit has been handled. false: this vCPU cannot go on. */
bool vmm_vcpu_step(struct vmm_vcpu *cpu);

/* bus.c: what an access that leaves the guest means. Called on vCPU threads. */
void vmm_bus_pio(struct vmm *v, bool write, uint16_t port, unsigned size, uint8_t *data);
void vmm_bus_mmio(struct vmm *v, bool write, uint64_t gpa, unsigned size, uint8_t data[static 8]);
void vmm_bus_refuse(struct vmm *v, uint32_t code); /* the firmware gave up (I-1.4) */

/* irq.c: interrupt lines, notifications, routes. */
CL_NODISCARD enum cl_status vmm_irq_init(struct vmm *v, struct cl_err *err);
void vmm_irq_update_routes(struct vmm *v); /* bus_lock is held */
void vmm_event_set(int fd);                /* eventfd += 1 */
void vmm_event_clear(int fd);

/* disks.c */
CL_NODISCARD enum cl_status vmm_disks_start(struct vmm *v, struct cl_err *err);

/* nets.c */
CL_NODISCARD enum cl_status vmm_nets_start(struct vmm *v, struct cl_err *err);

/* quotes.c: quotes.h has the queue. */
CL_NODISCARD enum cl_status vmm_quotes_start(struct vmm *v, struct cl_err *err);
void vmm_quotes_stop(struct vmm *v); /* waits for the thread; jobs that wait are dropped */
bool vmm_quotes_submit(void *ctx, const struct tee_quote_job *job); /* ctx: struct vmm */

/* loop.c: the main thread. _init before the system-call filter, _run returns when the VM has ended.
 */
CL_NODISCARD enum cl_status vmm_loop_init(struct vmm *v, struct cl_err *err);
CL_NODISCARD enum cl_status vmm_loop_run(struct vmm *v, struct cl_err *err);

/* control.c: one request line of the control socket, with the descriptor that came along (taken).
 * Writes an answer line. */
void vmm_control_handle(struct vmm *v, const char *line, size_t len, int fd, char *ret_answer,
                        size_t answer_size);

#endif
