/* SPDX-License-Identifier: Apache-2.0
 * url.c - which base URLs are acceptable.
 * Trust: the user's word; a mistake must not send anything in the clear to another machine.
 * Threads: pure. Memory: libcurl's, while it runs.
 */
#include "fetch.h"

#include <curl/curl.h>
#include <string.h>

static void free_part(char **p)
{
    curl_free(*p);
}

static void free_url(CURLU **u)
{
    curl_url_cleanup(*u);
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

static bool has_part(CURLU *u, CURLUPart part)
{
    CL_CLEANUP(free_part) char *text = NULL;
    return curl_url_get(u, part, &text, 0) == CURLUE_OK;
}

bool fetch_url_is_plain(const char *url)
{
    return strncmp(url, "http://", 7) == 0;
}

enum cl_status fetch_check_base_url(const char *url, const char *option, struct cl_err *err)
{
    CL_CLEANUP(free_url) CURLU *u = curl_url();
    CL_CLEANUP(free_part) char *host = NULL;
    if (u == NULL) {
        return cl_err_nomem(err, option);
    }
    bool https = strncmp(url, "https://", 8) == 0;
    if (strlen(url) > FETCH_URL_SIZE / 2 || (!https && !fetch_url_is_plain(url)) ||
        curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK || has_part(u, CURLUPART_USER) ||
        has_part(u, CURLUPART_QUERY) || has_part(u, CURLUPART_FRAGMENT) ||
        url[strlen(url) - 1] == '/') {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected https://HOST[:PORT][/PATH] without a slash at its end, got "
                          "'%.200s'",
                          option, url);
    }
    if (!https && !is_loopback(host)) {
        return cl_err_set(err, CL_ERR_MALFORMED,
                          "%s: expected https (http only to this machine), got '%.200s'", option,
                          url);
    }
    return CL_OK;
}
