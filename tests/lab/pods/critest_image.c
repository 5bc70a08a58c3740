/* SPDX-License-Identifier: Apache-2.0
 * critest_image.c - the one program of the images that stand in for those critest asks for
 * (critest_setup). By its name: nnp          says its effective user, as a set-user-id program NAME
 * [PORT]  a web server with one page, whose command line looks like nginx's first process; its
 * number is in /var/run/NAME.pid
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int serve(const char *name, unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_ANY)}};
    static const char page[] = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
                               "3\r\nConnection: close\r\n\r\nok\n";
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (server < 0 || setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(server, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(server, 16) != 0) {
        perror(name);
        return 1;
    }
    printf("%s: serving port %u\n", name, port);
    fflush(stdout);
    for (;;) {
        int client = accept(server, NULL, NULL);
        char request[4096];
        if (client < 0) {
            continue;
        }
        if (read(client, request, sizeof(request)) > 0 &&
            write(client, page, sizeof(page) - 1) > 0) {
            shutdown(client, SHUT_WR);
            while (read(client, request, sizeof(request)) > 0) {
            }
        }
        close(client);
    }
}

static void say_pid(const char *name)
{
    char path[64];
    snprintf(path, sizeof(path), "/var/run/%.32s.pid", name);
    FILE *file = fopen(path, "we");
    if (file != NULL) {
        fprintf(file, "%d\n", getpid());
        fclose(file);
    }
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash != NULL ? slash + 1 : argv[0];
    if (strcmp(name, "nnp") == 0) {
        printf("Effective uid: %u\n", geteuid());
        return 0;
    }
    if (strncmp(name, "nginx: ", 7) == 0) { /* the second time */
        signal(SIGPIPE, SIG_IGN);
        say_pid(argv[2]);
        return serve(argv[2], (unsigned)strtoul(argv[1], /* endptr= */ NULL, 10));
    }
    char title[] = "nginx: master process";
    char default_port[] = "80";
    char own[64];
    snprintf(own, sizeof(own), "%.48s", name);
    char *const again[] = {title, argc > 1 ? argv[1] : default_port, own, NULL};
    execv(argv[0], again);
    perror(argv[0]);
    return 1;
}
