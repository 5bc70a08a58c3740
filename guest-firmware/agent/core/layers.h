/* SPDX-License-Identifier: Apache-2.0
 * layers.h - the device mapper's layers that scratch disks and encrypted volumes have in common,
 * from below: linear (memory | the host's disk), integrity, crypt. scratch.h draws them.
 * Trust: the disk is hostile; what the integrity target must believe lies in our memory.
 * Threads: one user. Memory: what it was opened with, as long as the devices are there.
 */
#ifndef AGENT_CORE_LAYERS_H
#define AGENT_CORE_LAYERS_H

#include "base/secret.h"
#include "dm.h"
#include "scratch.h"

#define AGENT_LAYERS_SECTOR 512u
#define AGENT_LAYERS_BLOCK_SECTORS (AGENT_SCRATCH_BLOCK / AGENT_LAYERS_SECTOR)
#define AGENT_LAYERS_DEVICE 24u /* "4095:1048575" */

enum agent_layer { AGENT_LOWER, AGENT_INTEGRITY, AGENT_CRYPT, AGENT_LAYER_COUNT };

struct agent_layers {
    int dm;
    int disk;   /* of the host */
    int memory; /* a file of ours, without a name */
    int loop;   /* that file as a device */
    uint64_t disk_bytes;
    uint64_t disk_sectors; /* in whole blocks */
    uint64_t sectors;      /* that the integrity target offers */
    char memory_device[AGENT_LAYERS_DEVICE];
    char disk_device[AGENT_LAYERS_DEVICE];
    char device[AGENT_LAYER_COUNT][AGENT_LAYERS_DEVICE];
    char name[AGENT_LAYER_COUNT][AGENT_DM_MAX_NAME + 1];
    unsigned made;
};

/* name: of the device on top; the others have it with "-lower" and "-integrity". memory_bytes: of
 * the file in memory_dir. Nothing is made yet. To be given to _done whatever comes. */
CL_NODISCARD enum cl_status agent_layers_open(struct agent_layers *ret, const char *name,
                                              const char *disk, const char *memory_dir,
                                              uint64_t memory_bytes, struct cl_err *err);
/* Closes what was opened; keep false: takes the devices away as well. */
void agent_layers_done(struct agent_layers *l, bool keep);
/* Makes the next device, without a table. */
CL_NODISCARD enum cl_status agent_layers_create(struct agent_layers *l, enum agent_layer which,
                                                struct cl_err *err);
/* A table for a device that is there; it is used from now on. */
CL_NODISCARD enum cl_status agent_layers_start(const struct agent_layers *l, enum agent_layer which,
                                               const struct agent_dm_target *t, uint32_t count,
                                               struct cl_err *err);
/* Loads the integrity target with params, for the kernel to write a superblock to our memory, and
 * takes it back; then l->sectors is known. limit: of all below it. */
CL_NODISCARD enum cl_status agent_layers_measure(struct agent_layers *l, const char *params,
                                                 uint32_t max_sections, uint64_t limit,
                                                 struct cl_err *err);
/* key: AGENT_SCRATCH_KEY_SIZE bytes. sectors: of the device on top. */
CL_NODISCARD enum cl_status agent_layers_crypt(const struct agent_layers *l,
                                               const struct cl_secret *key, uint64_t sectors,
                                               struct cl_err *err);
/* "/dev/dm-N" of the device on top. */
void agent_layers_path(const struct agent_layers *l, char ret[static 32]);

#endif
