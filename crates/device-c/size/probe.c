/* A program that uses one part of the library and nothing else: linked without any other, its size is the size of that part. */
#include "cikada_device.h"

volatile CikadaEvent   event; /* from outside, so that nothing is decided while compiling */
static CikadaEnv       env;
static CikadaAction    action;
static uint8_t         buffer[2048];

static CikadaEvent next_event(void)
{
    CikadaEvent now;
    now.kind = event.kind;
    now.length = event.length;
    return now;
}

void _start(void)
{
#if defined(HTTP_ACTIVATION)
    static CikadaHttpActivation machine;
    static CikadaKey            key;
    cikada_http_activation_init(&machine, "h", "v", "m", "1", 0, buffer, sizeof buffer);
    for (;;) cikada_http_activation_next(&machine, next_event(), &env, &action, &key);
#elif defined(COAP_ACTIVATION)
    static CikadaCoapActivation machine;
    static CikadaKey            key;
    cikada_coap_activation_init(&machine, "v", "m", "1", 0, buffer, sizeof buffer);
    for (;;) cikada_coap_activation_next(&machine, next_event(), &env, &action, &key);
#elif defined(HTTP_DOWNLOAD)
    static CikadaHttpDownload machine;
    static CikadaTarget       target;
    static CikadaImage        image;
    cikada_http_download_init(&machine, "h", "k", &target, 0, 0, buffer, sizeof buffer);
    for (;;) cikada_http_download_next(&machine, next_event(), &env, &action, &image);
#elif defined(COAP_DOWNLOAD)
    static CikadaCoapDownload machine;
    static CikadaTarget       target;
    static CikadaImage        image;
    cikada_coap_download_init(&machine, "k", &target, 0, 0, buffer, sizeof buffer);
    for (;;) cikada_coap_download_next(&machine, next_event(), &env, &action, &image);
#elif defined(HTTP_DATA)
    static CikadaHttpCall machine;
    static CikadaReply    reply;
    static CikadaValue    value = { "a", "1" };
    static const char    *alias = "a";
    if (event.kind) cikada_http_write(&machine, "h", "k", &value, 1, buffer, sizeof buffer);
    else            cikada_http_read(&machine, "h", "k", &alias, 1, buffer, sizeof buffer);
    for (;;) cikada_http_call_next(&machine, next_event(), &env, &action, &reply);
#elif defined(COAP_DATA)
    static CikadaCoapCall machine;
    static CikadaReply    reply;
    if (event.kind) cikada_coap_write(&machine, "k", "a", "1", buffer, sizeof buffer);
    else            cikada_coap_observe(&machine, "k", "a", buffer, sizeof buffer);
    for (;;) cikada_coap_call_next(&machine, next_event(), &env, &action, &reply);
#else
    (void)next_event;
    for (;;) {}
#endif
}

/* What every C library has: small ones, so that no other is linked. */
void *memcpy(void *to, const void *from, size_t n)
{
    char *t = to;
    const char *f = from;
    while (n--) *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    char *t = to;
    const char *f = from;
    if (t < f) while (n--) *t++ = *f++;
    else       while (n--) t[n] = f[n];
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    char *t = to;
    while (n--) *t++ = (char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (; n--; x++, y++)
        if (*x != *y) return *x - *y;
    return 0;
}

int bcmp(const void *a, const void *b, size_t n)
{
    return memcmp(a, b, n);
}

size_t strlen(const char *text)
{
    size_t n = 0;
    while (text[n]) n++;
    return n;
}
