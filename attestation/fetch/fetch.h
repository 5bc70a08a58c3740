/* SPDX-License-Identifier: Apache-2.0
 * fetch.h - getting collateral from AMD's KDS, Intel's PCS or a PCCS: what is asked for, from
 * where, and how long it may take. Trust: servers and the network are hostile: sizes and times are
 * bounded, redirects refused, and only what has the right form, is about what was asked for and was
 * signed by its own issuer is stored. Whether that issuer is AMD or Intel is decided when evidence
 * is verified. Threads: one fetch is used by one thread; processes share a cache by lock files.
 * Memory: one response (FETCH_MAX_BODY) and the items got so far.
 * Spec: snp.md a.8; tdx.md a.9.
 */
#ifndef CL_ATTESTATION_FETCH_H
#define CL_ATTESTATION_FETCH_H

#include "cloister/collateral.h"

#define FETCH_URL_SIZE 1024u
#define FETCH_MAX_BODY CL_COLLATERAL_MAX_DATA
#define FETCH_MAX_HEADERS (256u << 10)
#define FETCH_MAX_TRIES 6u
#define FETCH_MAX_TARGETS 16u
#define FETCH_MAX_TIMEOUT_S 3600u

#define FETCH_KDS_URL "https://kdsintf.amd.com"
#define FETCH_PCS_URL "https://api.trustedservices.intel.com"
#define FETCH_ROOT_CRL_URL "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"

struct fetch_options {
    const char *kds_url, *pcs_url; /* without a slash at the end */
    const char *root_crl_url;      /* NULL: the PCCS's, at pcs_url */
    const char *tls_ca; /* PEM file of the roots to trust instead of the system's, or NULL */
    const char *cache_dir;
    uint32_t timeout_s; /* for one URL, waits included */
    uint32_t max_age_s; /* how old a cached item with an expiry may be */
    bool refresh;       /* do not read the cache */
};

/* What evidence, or the person, says is needed. */
struct fetch_request {
    enum cl_snp_product product; /* UNKNOWN: nothing of AMD's */
    bool vlek;                   /* signed by a VLEK, whose certificate only the host has */
    bool has_chip;               /* chip and tcb are known: get the VCEK certificate too */
    uint8_t chip_id[CL_SNP_CHIP_ID_SIZE];
    struct cl_snp_tcb tcb;
    bool intel;
    enum cl_collateral_tee tee;
    enum cl_collateral_ca ca;
    uint8_t fmspc[CL_COLLATERAL_FMSPC_SIZE];
};

/* One URL, and what must come from it. */
struct fetch_target {
    char url[FETCH_URL_SIZE];
    enum cl_collateral_kind kind;
    struct cl_collateral_key key; /* fmspc points into the request */
    const struct fetch_request *request;
};

enum fetch_origin {
    FETCH_NETWORK,
    FETCH_CACHE,
    FETCH_STALE
}; /* stale: the server did not answer */

struct fetch_response {
    struct cl_buf body;
    struct cl_buf chain; /* the issuer chain that came in a header, percent-decoded */
};
void fetch_response_done(struct fetch_response *r);

/* url.c: https, or http to this machine; a host, no user, query or fragment; no slash at the end.
 */
CL_NODISCARD enum cl_status fetch_check_base_url(const char *url, const char *option,
                                                 struct cl_err *err);
bool fetch_url_is_plain(const char *url); /* http */

/* http.c: one document. Waits as 429 and 503 ask, within timeout_s. chain_header: the names of the
 * header with the issuer chain, NULL-terminated, or NULL.
 * CL_ERR_UNAVAILABLE: not reachable, another status, cut off, too slow; CL_ERR_MALFORMED: too big;
 * CL_ERR_REJECTED: the server's certificate is not trusted. */
CL_NODISCARD enum cl_status fetch_http_get(const struct fetch_options *o, const char *url,
                                           const char *const *chain_header,
                                           struct fetch_response *ret, struct cl_err *err);

/* cache.c: one entry a URL. */
struct fetch_cache_entry {
    struct fetch_response response;
    int64_t fetched; /* seconds since 1970 */
};
void fetch_cache_entry_done(struct fetch_cache_entry *e);
/* One process at a time works on a URL. *ret_fd keeps the lock until it is closed. */
CL_NODISCARD enum cl_status fetch_cache_lock(const struct fetch_options *o, const char *url,
                                             int *ret_fd, struct cl_err *err);
/* False when there is no entry, or none that can be read. */
bool fetch_cache_read(const struct fetch_options *o, const char *url,
                      struct fetch_cache_entry *ret_entry);
CL_NODISCARD enum cl_status fetch_cache_write(const struct fetch_options *o, const char *url,
                                              const struct fetch_response *r, int64_t now,
                                              struct cl_err *err);

/* plan.c: the URLs of a request, chains before what they signed. */
CL_NODISCARD enum cl_status fetch_plan(const struct fetch_options *o, const struct fetch_request *r,
                                       struct fetch_target ret[static FETCH_MAX_TARGETS],
                                       size_t *ret_count, struct cl_err *err);

/* fetch.c: one target, from the cache or the network, checked and added to c. */
CL_NODISCARD enum cl_status fetch_one(const struct fetch_options *o, const struct fetch_target *t,
                                      int64_t now, struct cl_collateral *c,
                                      enum fetch_origin *ret_origin, struct cl_err *err);

/* files.c: the raw files of cl_collateral_add_path(). */
#define FETCH_NAME_SIZE 160u
void fetch_file_name(const struct cl_collateral_item *it, char ret[static FETCH_NAME_SIZE]);
CL_NODISCARD enum cl_status fetch_write_files(const struct cl_collateral *c, const char *dir,
                                              struct cl_err *err);

/* evidence.c: what the evidence in a file needs. product: used when a version 2 report does not say
 * its own. */
CL_NODISCARD enum cl_status fetch_request_from_evidence(const char *path,
                                                        enum cl_snp_product product,
                                                        struct fetch_request *ret,
                                                        struct cl_err *err);

/* The subcommands (base/cmd.h). */
int fetch_cmd_fetch(int argc, char **argv);
int fetch_cmd_bundle(int argc, char **argv);
int fetch_cmd_show(int argc, char **argv);

/* cmd_collateral.c: what the subcommands share. */
#define FETCH_MAX_OPTIONS 24u
struct fetch_option { /* a long option: with a value, or without */
    const char *name;
    const char **value;
    bool *flag;
};
/* table ends with a NULL name. Stops at an option whose flag is `help`. *ret_operand: the first
 * argument in argv that is no option; there may be none. */
CL_NODISCARD enum cl_status fetch_parse_options(const struct fetch_option *table, const bool *help,
                                                int argc, char **argv, int *ret_operand,
                                                struct cl_err *err);
CL_NODISCARD enum cl_status fetch_parse_time(const char *text, int64_t *ret, struct cl_err *err);
#endif
