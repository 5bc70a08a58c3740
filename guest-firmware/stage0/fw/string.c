/* SPDX-License-Identifier: Apache-2.0
 * string.c - the four functions that the compiler expects to find, and the copy from shared memory.
 * String instructions move eight bytes at a time: the payload is tens of megabytes.
 */
#include "stage0.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);

static void copy_forward(void *dst, const void *src, size_t n)
{
    size_t words = n / 8;
    size_t rest = n % 8;
    __asm__ volatile("rep movsq\n\tmov %3, %2\n\trep movsb"
                     : "+D"(dst), "+S"(src), "+c"(words)
                     : "r"(rest)
                     : "memory");
}

void s0_copy_in(void *dst, const void *shared, size_t size)
{
    copy_forward(dst, shared, size);
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
    copy_forward(dst, src, n);
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;
    if ((uintptr_t)d - (uintptr_t)s >= n) { /* also true when d lies below s */
        copy_forward(dst, src, n);
        return dst;
    }
    for (size_t i = n; i > 0; i--) {
        ((volatile uint8_t *)d)[i - 1] = s[i - 1];
    }
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    void *d = dst;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(c) : "memory");
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}

size_t strlen(const char *s)
{
    const volatile char *p = s;
    size_t n = 0;
    while (p[n] != 0) {
        n++;
    }
    return n;
}
