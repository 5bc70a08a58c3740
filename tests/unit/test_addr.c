/* SPDX-License-Identifier: Apache-2.0
 * test_addr.c - which addresses count as the node itself, whatever they are dressed as.
 */
#include "net/addr.h"

#include "check_main.h"

#include <netdb.h>
#include <string.h>

static enum cl_addr_kind kind_of(const char *text)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    ck_assert_msg(getaddrinfo(text, "1", &hints, &list) == 0, "%s", text);
    enum cl_addr_kind kind = cl_addr_kind(list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return kind;
}

START_TEST(test_kinds)
{
    static const struct {
        const char *text;
        enum cl_addr_kind kind;
    } t[] = {
        {"127.0.0.1", CL_ADDR_LOOPBACK},
        {"127.255.255.254", CL_ADDR_LOOPBACK},
        {"::1", CL_ADDR_LOOPBACK},
        {"::ffff:127.0.0.1", CL_ADDR_LOOPBACK},
        {"::127.0.0.1", CL_ADDR_LOOPBACK},
        {"64:ff9b::127.0.0.1", CL_ADDR_LOOPBACK},
        {"169.254.169.254", CL_ADDR_LINK_LOCAL},
        {"::ffff:169.254.1.1", CL_ADDR_LINK_LOCAL},
        {"fe80::1", CL_ADDR_LINK_LOCAL},
        {"febf::1", CL_ADDR_LINK_LOCAL},
        {"0.0.0.0", CL_ADDR_UNUSABLE},
        {"0.1.2.3", CL_ADDR_UNUSABLE},
        {"255.255.255.255", CL_ADDR_UNUSABLE},
        {"224.0.0.1", CL_ADDR_UNUSABLE},
        {"::", CL_ADDR_UNUSABLE},
        {"ff02::1", CL_ADDR_UNUSABLE},
        {"10.0.0.1", CL_ADDR_PUBLIC},
        {"192.0.2.1", CL_ADDR_PUBLIC},
        {"2001:db8::1", CL_ADDR_PUBLIC},
        {"fd00::1", CL_ADDR_PUBLIC},
        {"fec0::1", CL_ADDR_PUBLIC},
        {"128.0.0.1", CL_ADDR_PUBLIC},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        ck_assert_msg(kind_of(t[i].text) == t[i].kind, "%s: %d", t[i].text,
                      (int)kind_of(t[i].text));
    }
}
END_TEST

START_TEST(test_other_families_are_unusable)
{
    struct sockaddr_storage a = {.ss_family = AF_UNIX};
    ck_assert_int_eq(cl_addr_kind((struct sockaddr *)&a, sizeof(a)), CL_ADDR_UNUSABLE);
    a.ss_family = AF_INET; /* cut short */
    ck_assert_int_eq(cl_addr_kind((struct sockaddr *)&a, 4), CL_ADDR_UNUSABLE);
}
END_TEST

START_TEST(test_loopback_is_own)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char text[CL_ADDR_TEXT_SIZE];
    ck_assert_int_eq(getaddrinfo("127.0.0.1", "1", &hints, &list), 0);
    ck_assert(cl_addr_is_own(list->ai_addr, list->ai_addrlen));
    cl_addr_text(list->ai_addr, list->ai_addrlen, text);
    ck_assert_str_eq(text, "127.0.0.1");
    freeaddrinfo(list);
    ck_assert_int_eq(getaddrinfo("192.0.2.77", "1", &hints, &list), 0); /* TEST-NET-1 */
    ck_assert(!cl_addr_is_own(list->ai_addr, list->ai_addrlen));
    freeaddrinfo(list);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("addr");
    TCase *t = tcase_create("all");
    tcase_add_test(t, test_kinds);
    tcase_add_test(t, test_other_families_are_unusable);
    tcase_add_test(t, test_loopback_is_own);
    suite_add_tcase(s, t);
    return run_suite(s);
}
