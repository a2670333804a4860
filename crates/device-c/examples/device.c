/* A device in C on a computer: activates, writes a value, and fetches a newer firmware if there is one.
 *
 *   cc -I include examples/device.c libcikada_device_c.a -o device
 *   ./device 127.0.0.1 8080 acme lamp 00:1A:7F ./folder firmware_v1
 *
 * The folder stands for the flash. In firmware, the eight functions of the board below are the ones to write anew; the loop
 * in the middle stays as it is. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cikada_device.h"

static const char *server, *port, *folder;
static char        host[300];
static int         link_fd = -1, image_fd = -1;

/* ---- the board: what differs from device to device ------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void random_bytes(uint8_t *into, size_t length)
{
    int fd = open("/dev/urandom", O_RDONLY);
    if (fd < 0 || read(fd, into, length) != (ssize_t)length) abort(); /* without randomness no nonce is safe */
    close(fd);
}

static void link_close(void)
{
    if (link_fd >= 0) close(link_fd);
    link_fd = -1;
}

static int link_open(void)
{
    struct addrinfo hints, *all, *one;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    link_close();
    if (getaddrinfo(server, port, &hints, &all) != 0) return -1;
    for (one = all; one != NULL && link_fd < 0; one = one->ai_next) {
        link_fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (link_fd >= 0 && connect(link_fd, one->ai_addr, one->ai_addrlen) != 0) link_close();
    }
    freeaddrinfo(all);
    return link_fd < 0 ? -1 : 0;
}

static void record_path(const CikadaAction *action, char *path, size_t room)
{
    snprintf(path, room, "%s/record%d.%d", folder, (int)action->record, (int)action->slot);
}

static CikadaEvent record_load(const CikadaAction *action)
{
    char    path[512];
    ssize_t length;
    int     fd;
    record_path(action, path, sizeof path);
    fd = open(path, O_RDONLY);
    if (fd < 0) return (CikadaEvent){ errno == ENOENT ? CIKADA_EVENT_LOADED : CIKADA_EVENT_FAILED, 0 };
    length = read(fd, action->into, action->length);
    close(fd);
    return (CikadaEvent){ length < 0 ? CIKADA_EVENT_FAILED : CIKADA_EVENT_LOADED, length < 0 ? 0 : (size_t)length };
}

static CikadaEvent record_store(const CikadaAction *action)
{
    char path[512];
    int  fd, bad;
    record_path(action, path, sizeof path);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) return (CikadaEvent){ CIKADA_EVENT_FAILED, 0 };
    /* Overwritten in place, as in flash: the other slot is what survives a power cut here. */
    bad = write(fd, action->bytes, action->length) != (ssize_t)action->length || fsync(fd) != 0;
    bad |= close(fd) != 0;
    return (CikadaEvent){ bad ? CIKADA_EVENT_FAILED : CIKADA_EVENT_STORED, 0 };
}

static CikadaEvent link_send(const CikadaAction *action)
{
    size_t done = 0;
    if ((action->fresh || link_fd < 0) && link_open() != 0) return (CikadaEvent){ CIKADA_EVENT_CLOSED, 0 };
    while (done < action->length) {
        ssize_t sent = send(link_fd, action->bytes + done, action->length - done, MSG_NOSIGNAL);
        if (sent <= 0) {
            link_close();
            return (CikadaEvent){ CIKADA_EVENT_CLOSED, 0 };
        }
        done += (size_t)sent;
    }
    return (CikadaEvent){ CIKADA_EVENT_SENT, 0 };
}

static CikadaEvent link_receive(const CikadaAction *action)
{
    struct pollfd wait = { link_fd, POLLIN, 0 };
    ssize_t       length;
    if (link_fd < 0) return (CikadaEvent){ CIKADA_EVENT_CLOSED, 0 };
    if (poll(&wait, 1, (int)action->ms) == 0) return (CikadaEvent){ CIKADA_EVENT_TIMED_OUT, 0 };
    length = recv(link_fd, action->into, action->length, 0);
    if (length > 0) return (CikadaEvent){ CIKADA_EVENT_RECEIVED, (size_t)length };
    link_close();
    return (CikadaEvent){ CIKADA_EVENT_CLOSED, 0 };
}

static CikadaEvent image_read(const CikadaAction *action)
{
    ssize_t length = pread(image_fd, action->into, action->length, (off_t)action->offset);
    return (CikadaEvent){ length < 0 ? CIKADA_EVENT_FAILED : CIKADA_EVENT_READ, length < 0 ? 0 : (size_t)length };
}

static CikadaEvent image_write(const CikadaAction *action)
{
    int bad = pwrite(image_fd, action->bytes, action->length, (off_t)action->offset) != (ssize_t)action->length;
    return (CikadaEvent){ bad || fsync(image_fd) != 0 ? CIKADA_EVENT_FAILED : CIKADA_EVENT_WRITTEN, 0 };
}

/* ---- the loop: the same on every device ---------------------------------------------------------------------------------- */

typedef void Ask(void *machine, CikadaEvent event, const CikadaEnv *env, CikadaAction *action, void *result);

/* Carries a machine through to its end: 0, or the number of the stop. */
static int run(Ask *ask, void *machine, uint8_t first, void *result)
{
    CikadaEvent event = { 0, 0 };
    event.kind = first;
    for (;;) {
        CikadaAction action;
        CikadaEnv    env;
        env.now_ms = now_ms();
        random_bytes(env.random, sizeof env.random);
        ask(machine, event, &env, &action, result);
        switch (action.what) {
        case CIKADA_DO_LOAD:    event = record_load(&action);  break;
        case CIKADA_DO_STORE:   event = record_store(&action); break;
        case CIKADA_DO_SEND:    event = link_send(&action);    break;
        case CIKADA_DO_RECEIVE: event = link_receive(&action); break;
        case CIKADA_DO_READ:    event = image_read(&action);   break;
        case CIKADA_DO_WRITE:   event = image_write(&action);  break;
        case CIKADA_DO_WAIT:
            link_close();
            if (action.because != CIKADA_BECAUSE_STARTING) printf("waiting %u ms (%d)\n", action.ms, (int)action.because);
            poll(NULL, 0, (int)action.ms);
            event = (CikadaEvent){ CIKADA_EVENT_WOKEN, 0 };
            break;
        case CIKADA_DO_DONE: return 0;
        case CIKADA_DO_STOP: return 1 + action.stop;
        }
    }
}

static void ask_activation(void *machine, CikadaEvent event, const CikadaEnv *env, CikadaAction *action, void *key)
{
    cikada_http_activation_next(machine, event, env, action, key);
}

static void ask_download(void *machine, CikadaEvent event, const CikadaEnv *env, CikadaAction *action, void *image)
{
    cikada_http_download_next(machine, event, env, action, image);
}

static void ask_call(void *machine, CikadaEvent event, const CikadaEnv *env, CikadaAction *action, void *reply)
{
    cikada_http_call_next(machine, event, env, action, reply);
}

/* ---- the device ------------------------------------------------------------------------------------------------------------ */

static CikadaHttpActivation activation;
static CikadaHttpDownload   download;
static CikadaHttpCall       call;
static CikadaKey            key;
static CikadaReply          reply;
static uint8_t              activation_buffer[CIKADA_ACTIVATION_BUFFER], buffer[256 + CIKADA_DOWNLOAD_BUFFER];

static int write_value(const char *value)
{
    CikadaValue values[1] = { { "temperature", NULL } };
    int         round;
    values[0].value = value;
    for (round = 0; round < 2; round++) {
        if (!cikada_http_write(&call, host, key.cik, values, 1, buffer, sizeof buffer)) return -1;
        if (run(ask_call, &call, CIKADA_EVENT_BEGIN, &reply) != 0) return -1;
        if (reply.status != 401) break;
        /* The key is dead: get another one, and try again. */
        if (run(ask_activation, &activation, CIKADA_EVENT_REJECTED, &key) != 0) return -1;
    }
    if (reply.status == 204) run(ask_activation, &activation, CIKADA_EVENT_ACCEPTED, &key);
    return reply.status == 204 ? 0 : -1;
}

static int update(const char *vendor, const char *model, const char *installed)
{
    char         newer[129], path[512];
    CikadaTarget target;
    CikadaImage  image;
    int          stop;
    if (!cikada_http_find_newer(&call, host, key.cik, vendor, model, installed, buffer, sizeof buffer)) return -1;
    if (run(ask_call, &call, CIKADA_EVENT_BEGIN, &reply) != 0 || reply.status != 200) return -1;
    if (!cikada_http_found(&call, (uint8_t *)newer, sizeof newer)) {
        printf("nothing newer than %s\n", installed);
        return 0;
    }
    memset(&target, 0, sizeof target);
    target.vendor = vendor;
    target.model = model;
    target.id = newer;
    target.place = 1;
    target.capacity = 1u << 20;
    target.piece = 4096;
    target.block = 256;
    target.checkpoint = 4096;
    snprintf(path, sizeof path, "%s/slot1", folder);
    image_fd = open(path, O_RDWR | O_CREAT, 0600);
    if (image_fd < 0 || !cikada_http_download_init(&download, host, key.cik, &target, NULL, NULL, buffer, sizeof buffer))
        return -1;
    stop = run(ask_download, &download, CIKADA_EVENT_BEGIN, &image);
    close(image_fd);
    if (stop != 0) {
        printf("%s: no image (%d)\n", newer, stop - 1);
        return -1;
    }
    printf("%s: %lu bytes, digest verified\n", newer, (unsigned long)image.length);
    return 0;
}

int main(int argc, char **argv)
{
    static const CikadaPace pace = { 50, 100, 500, 300000, 86400000 };
    int                     stop;
    if (argc != 8) {
        fprintf(stderr, "usage: device <server> <port> <vendor> <model> <serial number> <folder> <installed>\n");
        return 2;
    }
    server = argv[1];
    port = argv[2];
    folder = argv[6];
    snprintf(host, sizeof host, "%s:%s", server, port);
    mkdir(folder, 0700);
    if (!cikada_http_activation_init(&activation, host, argv[3], argv[4], argv[5], &pace, activation_buffer,
                                     sizeof activation_buffer)) {
        fprintf(stderr, "a name that the server would refuse\n");
        return 2;
    }
    stop = run(ask_activation, &activation, CIKADA_EVENT_BEGIN, &key);
    if (stop != 0) {
        printf("no key (%d)\n", stop - 1);
        return 1;
    }
    printf("key %.4s (%s)\n", key.cik, key.origin == CIKADA_ORIGIN_STORED ? "stored" : "new");
    if (write_value("21.5") != 0) {
        printf("not written\n");
        return 1;
    }
    printf("temperature written\n");
    return update(argv[3], argv[4], argv[7]) == 0 ? 0 : 1;
}
