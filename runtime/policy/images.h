/* SPDX-License-Identifier: Apache-2.0
 * images.h - from an image's name in a manifest to what it is: by what the person says of it, or by
 * the registry in the name.
 * Trust: names are the manifest's; layouts and registries are hostile (image/image.h).
 * Threads: one. Memory: manifest and configuration of each image.
 */
#ifndef POLICY_IMAGES_H
#define POLICY_IMAGES_H

#include "frompod.h"

#include "image/image.h"

#define POLICY_MAX_IMAGES 128u

struct policy_images {
    const struct cl_strv *given; /* "NAME=REFERENCE": NAME is an image's or a container's */
    const char *registry_ca;     /* NULL: the system's */
    bool given_used[POLICY_MAX_IMAGES];
    struct cl_image *image[POLICY_MAX_IMAGES]; /* owned */
    char *reference[POLICY_MAX_IMAGES];        /* owned: what each was opened by */
    size_t count;
    const char *hint; /* the next step after a failure; NULL: none */
};

void policy_images_done(struct policy_images *i);
/* A policy_image_find(); ctx is a struct policy_images. Errors: those of cl_image_open();
 * CL_ERR_REJECTED for a name that says no registry and is not given. */
CL_NODISCARD enum cl_status policy_images_find(void *ctx, const char *container, const char *name,
                                               struct policy_image *ret, struct cl_err *err);
/* CL_ERR_REJECTED when something was given that no container asked for. */
CL_NODISCARD enum cl_status policy_images_check_used(const struct policy_images *i,
                                                     struct cl_err *err);

#endif
