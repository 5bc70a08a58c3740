/* SPDX-License-Identifier: Apache-2.0
 * curl.c - the functions of libcurl that we use, each of which loads the library when it is first
 * called. When it cannot be loaded, what makes an object gives NULL and curl_global_init() fails.
 * Trust: the library that the dynamic loader finds. Threads: any; loading happens once.
 * State: the table of addresses, which is the library's being loaded, for the whole process.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#undef curl_easy_setopt /* macros that check the type of what follows */
#undef curl_easy_getinfo

/* X(result, name, parameters, arguments, result when there is no library) */
#define FUNCTIONS(X)                                                                               \
    X(CURLcode, curl_global_init, (long flags), (flags), CURLE_FAILED_INIT)                        \
    X(CURL *, curl_easy_init, (void), (), NULL)                                                    \
    X(CURLcode, curl_easy_perform, (CURL * c), (c), CURLE_FAILED_INIT)                             \
    X(const char *, curl_easy_strerror, (CURLcode rc), (rc), "libcurl cannot be loaded")           \
    X(char *, curl_easy_unescape, (CURL * c, const char *s, int len, int *ret_len),                \
      (c, s, len, ret_len), NULL)                                                                  \
    X(struct curl_slist *, curl_slist_append, (struct curl_slist * l, const char *s), (l, s),      \
      NULL)                                                                                        \
    X(CURLU *, curl_url, (void), (), NULL)                                                         \
    X(CURLUcode, curl_url_get, (CURLU * u, CURLUPart what, char **ret, unsigned flags),            \
      (u, what, ret, flags), CURLUE_OUT_OF_MEMORY)                                                 \
    X(CURLUcode, curl_url_set, (CURLU * u, CURLUPart what, const char *s, unsigned flags),         \
      (u, what, s, flags), CURLUE_OUT_OF_MEMORY)

/* Those without a result. */
#define PROCEDURES(X)                                                                              \
    X(curl_global_cleanup, (void), ())                                                             \
    X(curl_easy_cleanup, (CURL * c), (c))                                                          \
    X(curl_free, (void *p), (p))                                                                   \
    X(curl_slist_free_all, (struct curl_slist * l), (l))                                           \
    X(curl_url_cleanup, (CURLU * u), (u))

#define POINTER(result, name, parameters, arguments, none) result(*name) parameters;
#define PROCEDURE(name, parameters, arguments) void(*name) parameters;

static struct {
    bool loaded;
    FUNCTIONS(POINTER)
    PROCEDURES(PROCEDURE)
    CURLcode (*curl_easy_setopt)(CURL *c, CURLoption option, ...);
    CURLcode (*curl_easy_getinfo)(CURL *c, CURLINFO info, ...);
} lib;

static bool find(void *library, const char *name, void *pointer)
{
    void *found = dlsym(library, name);
    memcpy(pointer, &found, sizeof(found)); /* POSIX lets a function's address be an object's */
    return found != NULL;
}

#define FIND(name) good = find(library, #name, &lib.name) && good;
#define FIND_FUNCTION(result, name, parameters, arguments, none) FIND(name)
#define FIND_PROCEDURE(name, parameters, arguments) FIND(name)

static void load(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL); /* stays for good */
    bool good = library != NULL;
    if (!good) {
        return;
    }
    FUNCTIONS(FIND_FUNCTION)
    PROCEDURES(FIND_PROCEDURE)
    FIND(curl_easy_setopt)
    FIND(curl_easy_getinfo)
    lib.loaded = good;
}

static bool loaded(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, load);
    return lib.loaded;
}

#define FUNCTION_BODY(result, name, parameters, arguments, none)                                   \
    result name parameters                                                                         \
    {                                                                                              \
        return loaded() ? lib.name arguments : (none);                                             \
    }
#define PROCEDURE_BODY(name, parameters, arguments)                                                \
    void name parameters                                                                           \
    {                                                                                              \
        if (loaded()) {                                                                            \
            lib.name arguments;                                                                    \
        }                                                                                          \
    }
FUNCTIONS(FUNCTION_BODY)
PROCEDURES(PROCEDURE_BODY)

/* What follows has the type that the option's number says. */
CURLcode curl_easy_setopt(CURL *c, CURLoption option, ...)
{
    CURLcode rc = CURLE_FAILED_INIT;
    va_list ap;
    va_start(ap, option);
    if (!loaded()) {
        rc = CURLE_FAILED_INIT;
    } else if ((int)option < CURLOPTTYPE_OBJECTPOINT) {
        rc = lib.curl_easy_setopt(c, option, va_arg(ap, long));
    } else if ((int)option < CURLOPTTYPE_FUNCTIONPOINT) {
        rc = lib.curl_easy_setopt(c, option, va_arg(ap, void *));
    } else if ((int)option < CURLOPTTYPE_OFF_T) {
        rc = lib.curl_easy_setopt(c, option, va_arg(ap, void (*)(void)));
    } else if ((int)option < CURLOPTTYPE_BLOB) {
        rc = lib.curl_easy_setopt(c, option, va_arg(ap, curl_off_t));
    } else {
        rc = lib.curl_easy_setopt(c, option, va_arg(ap, struct curl_blob *));
    }
    va_end(ap);
    return rc;
}

CURLcode curl_easy_getinfo(CURL *c, CURLINFO info, ...)
{
    va_list ap;
    va_start(ap, info);
    void *ret = va_arg(ap, void *);
    va_end(ap);
    return loaded() ? lib.curl_easy_getinfo(c, info, ret) : CURLE_FAILED_INIT;
}
