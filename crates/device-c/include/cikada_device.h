/* The device's side of cikada, for firmware in C. Made from crates/device-c/src; don't edit.
 *
 * A machine never touches a socket, a flash page or a clock. Ask it for its next action, do that one thing, say how it went, until
 * it is done. The machines live in memory of yours and allocate nothing. Texts and buffers that are given to one must stay where
 * they are for as long as it is used. */

#ifndef CIKADA_DEVICE_H
#define CIKADA_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The first step, after power-up or to start over.
#define CIKADA_EVENT_BEGIN 0

// So many bytes of a record were loaded; 0 where there is none.
#define CIKADA_EVENT_LOADED 1

// The record is in non-volatile memory and would survive a power cut now.
#define CIKADA_EVENT_STORED 2

// The bytes were given to the network.
#define CIKADA_EVENT_SENT 3

// So many bytes came in.
#define CIKADA_EVENT_RECEIVED 4

// Nothing came in time.
#define CIKADA_EVENT_TIMED_OUT 5

// The connection could not be opened, or ended.
#define CIKADA_EVENT_CLOSED 6

// The waiting time is over.
#define CIKADA_EVENT_WOKEN 7

// So many bytes of the image were read.
#define CIKADA_EVENT_READ 8

// The bytes of the image are written and would survive a power cut now.
#define CIKADA_EVENT_WRITTEN 9

// Loading, storing, reading or writing did not work.
#define CIKADA_EVENT_FAILED 10

// The server accepted the key in another request.
#define CIKADA_EVENT_ACCEPTED 11

// The server refused the key in another request (401).
#define CIKADA_EVENT_REJECTED 12

// A null pointer was given where something has to be.
#define CIKADA_STOP_MISUSED 255

// A buffer of this size is enough for every activation.
#define CIKADA_ACTIVATION_BUFFER 1536

// The server does not know this vendor, model or serial number (404).
#define CIKADA_ACTIVATION_STOP_UNKNOWN 0

// The server finds the request malformed (400).
#define CIKADA_ACTIVATION_STOP_MALFORMED 1

// The buffer is too small.
#define CIKADA_ACTIVATION_STOP_BUFFER_TOO_SMALL 2

// Beside one block, a buffer of so many bytes more is enough for every download.
#define CIKADA_DOWNLOAD_BUFFER 1536

// The key is not accepted (401): activate again, then begin again; progress is kept.
#define CIKADA_DOWNLOAD_STOP_UNAUTHORIZED 0

// This device may not have contents of this model (403).
#define CIKADA_DOWNLOAD_STOP_FORBIDDEN 1

// There is no such content for this device (404).
#define CIKADA_DOWNLOAD_STOP_ABSENT 2

// The server finds the request malformed (400).
#define CIKADA_DOWNLOAD_STOP_MALFORMED 3

// The content is larger than the place for it.
#define CIKADA_DOWNLOAD_STOP_TOO_LARGE 4

// No digest is known: nothing can be verified.
#define CIKADA_DOWNLOAD_STOP_NO_DIGEST 5

// Three times in a row the image did not have the digest that was promised.
#define CIKADA_DOWNLOAD_STOP_WRONG_DIGEST 6

// The memory failed again and again.
#define CIKADA_DOWNLOAD_STOP_MEMORY 7

// The buffer is too small.
#define CIKADA_DOWNLOAD_STOP_BUFFER_TOO_SMALL 8

// No connection, or no whole answer in time. The request may have been carried out all the same.
#define CIKADA_CALL_STOP_NO_ANSWER 0

// What came is no answer.
#define CIKADA_CALL_STOP_UNEXPECTED 1

// The answer's body is larger than the buffer.
#define CIKADA_CALL_STOP_TOO_LARGE 2

// The most aliases and values of one call.
#define CIKADA_CALL_MOST 16

// Nothing came back after all retransmissions. The request may have been carried out all the same.
#define CIKADA_COAP_STOP_NO_ANSWER 0

// What was asked for changed meanwhile: ask again.
#define CIKADA_COAP_STOP_CHANGED 1

// The answer is larger than the buffer.
#define CIKADA_COAP_STOP_TOO_LARGE 2

// The buffer is too small for the request.
#define CIKADA_COAP_STOP_BUFFER_TOO_SMALL 3

// What to do next.
typedef enum CikadaDo {
  // Read the record `record`, slot `slot`, to `into`, at most `length` bytes. Then LOADED or FAILED.
  CIKADA_DO_LOAD,
  // Write `length` `bytes` to that record and slot. Then STORED or FAILED. The other slot must not suffer.
  CIKADA_DO_STORE,
  // Send `length` `bytes` in one write or datagram; connect anew first if `fresh`, or if nothing is open. Then SENT or CLOSED.
  CIKADA_DO_SEND,
  // Receive at most `length` bytes (or one datagram) to `into`, waiting at most `ms`. Then RECEIVED, TIMED_OUT or CLOSED.
  CIKADA_DO_RECEIVE,
  // Close the connection and do nothing for `ms`; `because` says why. Then WOKEN.
  CIKADA_DO_WAIT,
  // Read at most `length` bytes of the image from `offset` to `into`. Then READ or FAILED.
  CIKADA_DO_READ,
  // Write `length` `bytes` of the image at `offset`. Then WRITTEN or FAILED.
  CIKADA_DO_WRITE,
  // Done; see the result fields of the machine that was asked.
  CIKADA_DO_DONE,
  // There is no result: `stop` says why.
  CIKADA_DO_STOP,
} CikadaDo;

// The records kept in non-volatile memory, each in two slots that can be erased apart from each other.
typedef enum CikadaRecord {
  // The key, and the nonce of an activation that is under way: at most 128 bytes.
  CIKADA_RECORD_KEY,
  // How far a download has come: at most 176 bytes.
  CIKADA_RECORD_PROGRESS,
  // Which of two firmware slots to start: at most 32 bytes.
  CIKADA_RECORD_BOOT,
} CikadaRecord;

// Why a machine waits.
typedef enum CikadaBecause {
  // A random pause, so that a fleet which got its power back does not call in the same second.
  CIKADA_BECAUSE_STARTING,
  // Known but not enabled; over CoAP perhaps not known at all.
  CIKADA_BECAUSE_NOT_ENABLED,
  // The server asked for patience.
  CIKADA_BECAUSE_THROTTLED,
  // No connection, or no whole answer.
  CIKADA_BECAUSE_NO_ANSWER,
  // The server failed.
  CIKADA_BECAUSE_SERVER_FAULT,
  // An answer that this server does not give.
  CIKADA_BECAUSE_UNEXPECTED,
  // The non-volatile memory failed.
  CIKADA_BECAUSE_MEMORY,
  // The key that this device holds was refused, and there is no new one for it yet.
  CIKADA_BECAUSE_KEY_REFUSED,
  // The image that came did not have the digest that was promised.
  CIKADA_BECAUSE_WRONG_DIGEST,
} CikadaBecause;

// Where a key comes from.
typedef enum CikadaOrigin {
  // It was in memory.
  CIKADA_ORIGIN_STORED,
  // The server has just given it.
  CIKADA_ORIGIN_ACTIVATED,
  // It was refused once, and the server gives no other: carry on with it.
  CIKADA_ORIGIN_KEPT,
} CikadaOrigin;

// What is to be started.
typedef enum CikadaStart {
  // The memory failed: start what was started last.
  CIKADA_START_FAULT,
  // Slot 0, which has proved itself.
  CIKADA_START_CONFIRMED0,
  // Slot 1, which has proved itself.
  CIKADA_START_CONFIRMED1,
  // Slot 0, on trial: it has to call cikada_boot_confirm.
  CIKADA_START_TRIAL0,
  // Slot 1, on trial: it has to call cikada_boot_confirm.
  CIKADA_START_TRIAL1,
} CikadaStart;

// An activation over HTTP, in clear or inside TLS.
typedef struct CikadaHttpActivation {
  // Not to be touched.
  uint64_t room[80];
} CikadaHttpActivation;

// The times of a back-off, in milliseconds.
typedef struct CikadaPace {
  // Up to so long a device waits before its first call after power-up.
  uint32_t start_ms;
  // Never come back sooner than this.
  uint32_t least_ms;
  // The upper end of the first random wait; it doubles with each failure.
  uint32_t first_ms;
  // The upper end never grows beyond this.
  uint32_t most_ms;
  // A Retry-After is believed up to this.
  uint32_t trust_ms;
} CikadaPace;

// An activation over CoAP.
typedef struct CikadaCoapActivation {
  // Not to be touched.
  uint64_t room[56];
} CikadaCoapActivation;

// What happened.
typedef struct CikadaEvent {
  // One of CIKADA_EVENT_…; anything else is as if nothing happened.
  uint8_t kind;
  // How many bytes, for LOADED, RECEIVED and READ.
  size_t length;
} CikadaEvent;

// What the firmware knows at the moment of asking.
typedef struct CikadaEnv {
  // Milliseconds on a clock that only moves forward, from any starting point.
  uint64_t now_ms;
  // Fresh random bytes, unpredictable to others: nonces are made of them.
  uint8_t random[16];
} CikadaEnv;

// What to do, and with what. Pointers are into the machine's buffer, or the machine: they hold until it is asked again.
typedef struct CikadaAction {
  // What to do.
  enum CikadaDo what;
  // For LOAD, RECEIVE and READ: where to.
  uint8_t *into;
  // For STORE, SEND and WRITE: what.
  const uint8_t *bytes;
  // How many bytes there are, or fit.
  size_t length;
  // For READ and WRITE: where in the image.
  uint64_t offset;
  // For RECEIVE and WAIT: how long, in milliseconds.
  uint32_t ms;
  // For LOAD and STORE: which record.
  enum CikadaRecord record;
  // For LOAD and STORE: which of its slots, 0 or 1.
  uint8_t slot;
  // For SEND: connect anew first.
  bool fresh;
  // For WAIT: why.
  enum CikadaBecause because;
  // For STOP: one of the machine's CIKADA_…_STOP_… numbers.
  uint8_t stop;
} CikadaAction;

// A key that is stored, and so may be used.
typedef struct CikadaKey {
  // 40 hex digits and a NUL.
  char cik[41];
  // Where it comes from.
  enum CikadaOrigin origin;
} CikadaKey;

// A download over HTTP, in clear or inside TLS.
typedef struct CikadaHttpDownload {
  // Not to be touched.
  uint64_t room[152];
} CikadaHttpDownload;

// Which content goes where, in what sizes.
typedef struct CikadaTarget {
  // The vendor of the model.
  const char *vendor;
  // The device's model.
  const char *model;
  // The content's id.
  const char *id;
  // The place in the device: progress towards one place doesn't count for another.
  uint8_t place;
  // The most that the place can hold, in bytes.
  uint64_t capacity;
  // How much one request asks for, in bytes. Over CoAP it is rounded down to a block of 16 to 1024.
  uint32_t piece;
  // Every write but the last is of exactly this size, and begins at a multiple of it: the page of a flash memory.
  uint16_t block;
  // How far apart progress is remembered, in bytes: a multiple of the erase sector. Erase where a write begins at a multiple of it.
  uint32_t checkpoint;
} CikadaTarget;

// A download over CoAP.
typedef struct CikadaCoapDownload {
  // Not to be touched.
  uint64_t room[112];
} CikadaCoapDownload;

// The whole image, written and verified.
typedef struct CikadaImage {
  // Its length in bytes.
  uint64_t length;
  // Its SHA-256.
  uint8_t digest[32];
} CikadaImage;

// A call over HTTP, in clear or inside TLS.
typedef struct CikadaHttpCall {
  // Not to be touched.
  uint64_t room[104];
} CikadaHttpCall;

// A value to be written.
typedef struct CikadaValue {
  // Where to.
  const char *alias;
  // What, as text.
  const char *value;
} CikadaValue;

// A whole answer.
typedef struct CikadaReply {
  // The HTTP status, or the CoAP code (class * 32 + detail).
  uint16_t status;
  // When to come back, in seconds, where the server refused for now; 0 where it didn't say.
  uint32_t retry_after_s;
  // The body, in the call's buffer, to be changed as you like.
  uint8_t *body;
  // Its length.
  size_t body_length;
  // For a wait: the time of the value, to be given to the next wait; empty where there is none.
  char since[33];
} CikadaReply;

// A call over CoAP.
typedef struct CikadaCoapCall {
  // Not to be touched.
  uint64_t room[64];
} CikadaCoapCall;

// A piece of a text that does not end with NUL.
typedef struct CikadaText {
  // Its first byte.
  const uint8_t *bytes;
  // Its length in bytes.
  size_t length;
} CikadaText;

// What the server says of a content.
typedef struct CikadaInfo {
  // The content type given at upload.
  struct CikadaText content_type;
  // The size in bytes.
  uint64_t size;
  // When it was last replaced, in unix seconds.
  uint64_t updated_s;
  // Whatever the vendor wrote beside it.
  struct CikadaText meta;
} CikadaInfo;

// Non-volatile memory, for the boot loader.
typedef struct CikadaMemory {
  // Given back with every call.
  void *context;
  // Reads a slot of a record, at most so many bytes: how many there are (0: none), or below 0 when it failed.
  ptrdiff_t (*load)(void*, enum CikadaRecord, uint8_t, uint8_t*, size_t);
  // Replaces a slot of a record: 0 when it is safe, anything else when it failed.
  int32_t (*store)(void*, enum CikadaRecord, uint8_t, const uint8_t*, size_t);
} CikadaMemory;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Makes an activation over HTTP. `host` is what stands in the Host field; `pace` may be NULL for the usual one. False: a name that
// the server would refuse, or a null pointer.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the activation.
bool cikada_http_activation_init(struct CikadaHttpActivation *activation,
                                 const char *host,
                                 const char *vendor,
                                 const char *model,
                                 const char *serial_number,
                                 const struct CikadaPace *pace,
                                 uint8_t *buffer,
                                 size_t buffer_length);

// Makes an activation over CoAP; otherwise the same.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the activation.
bool cikada_coap_activation_init(struct CikadaCoapActivation *activation,
                                 const char *vendor,
                                 const char *model,
                                 const char *serial_number,
                                 const struct CikadaPace *pace,
                                 uint8_t *buffer,
                                 size_t buffer_length);

// Asks for the next action. With DONE, the key is in `key`; after that it may be asked again, with CIKADA_EVENT_REJECTED when the
// server answered 401 to it, and with CIKADA_EVENT_ACCEPTED when it worked.
//
// # Safety
// The activation was made; the other pointers are null or point to what they say.
void cikada_http_activation_next(struct CikadaHttpActivation *activation,
                                 struct CikadaEvent event,
                                 const struct CikadaEnv *env,
                                 struct CikadaAction *action,
                                 struct CikadaKey *key);

// The same over CoAP.
//
// # Safety
// The activation was made; the other pointers are null or point to what they say.
void cikada_coap_activation_next(struct CikadaCoapActivation *activation,
                                 struct CikadaEvent event,
                                 const struct CikadaEnv *env,
                                 struct CikadaAction *action,
                                 struct CikadaKey *key);

// Makes a download over HTTP. `cik` is the key, 40 digits; `promised` the image's SHA-256 where it is known from a better source than
// the server, or NULL; `pace` may be NULL. The buffer holds one block and CIKADA_DOWNLOAD_BUFFER more.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the download.
bool cikada_http_download_init(struct CikadaHttpDownload *download,
                               const char *host,
                               const char *cik,
                               const struct CikadaTarget *target,
                               const uint8_t (*promised)[32],
                               const struct CikadaPace *pace,
                               uint8_t *buffer,
                               size_t buffer_length);

// Makes a download over CoAP. There the server gives no digest: `promised` has to be known from elsewhere.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the download.
bool cikada_coap_download_init(struct CikadaCoapDownload *download,
                               const char *cik,
                               const struct CikadaTarget *target,
                               const uint8_t (*promised)[32],
                               const struct CikadaPace *pace,
                               uint8_t *buffer,
                               size_t buffer_length);

// Asks for the next action. With DONE, `image` tells of the image.
//
// # Safety
// The download was made; the other pointers are null or point to what they say.
void cikada_http_download_next(struct CikadaHttpDownload *download,
                               struct CikadaEvent event,
                               const struct CikadaEnv *env,
                               struct CikadaAction *action,
                               struct CikadaImage *image);

// The same over CoAP.
//
// # Safety
// The download was made; the other pointers are null or point to what they say.
void cikada_coap_download_next(struct CikadaCoapDownload *download,
                               struct CikadaEvent event,
                               const struct CikadaEnv *env,
                               struct CikadaAction *action,
                               struct CikadaImage *image);

// Makes a call that writes values, all with the same time. 204 when they are stored. False: a null pointer, more than
// CIKADA_CALL_MOST values, or a buffer that is too small for the request.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
bool cikada_http_write(struct CikadaHttpCall *call,
                       const char *host,
                       const char *cik,
                       const struct CikadaValue *values,
                       size_t count,
                       uint8_t *buffer,
                       size_t buffer_length);

// Makes a call that reads the latest values: 200, see cikada_next_pair; 204 where there is none.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
bool cikada_http_read(struct CikadaHttpCall *call,
                      const char *host,
                      const char *cik,
                      const char *const *aliases,
                      size_t count,
                      uint8_t *buffer,
                      size_t buffer_length);

// Makes a call that waits for a value newer than `since` (NULL or empty: from now on): 200 with it, 304 when there was none in time.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
bool cikada_http_wait(struct CikadaHttpCall *call,
                      const char *host,
                      const char *cik,
                      const char *alias,
                      const char *since,
                      uint32_t timeout_ms,
                      uint8_t *buffer,
                      size_t buffer_length);

// Makes a call for the server's time: 200 with unix seconds. No key is needed.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
bool cikada_http_time(struct CikadaHttpCall *call, const char *host, uint8_t *buffer, size_t buffer_length);

// Makes a call for the newest content that follows `installed` by its name (`firmware_v2` follows `firmware_v1`), however long the list
// is. After 200 see cikada_http_found.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; `installed` and the buffer outlive the call.
bool cikada_http_find_newer(struct CikadaHttpCall *call,
                            const char *host,
                            const char *cik,
                            const char *vendor,
                            const char *model,
                            const char *installed,
                            uint8_t *buffer,
                            size_t buffer_length);

// Makes a call that asks what a content is: 200, see cikada_parse_info.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; the buffer outlives the call.
bool cikada_http_info(struct CikadaHttpCall *call,
                      const char *host,
                      const char *cik,
                      const char *vendor,
                      const char *model,
                      const char *id,
                      uint8_t *buffer,
                      size_t buffer_length);

// Asks for the next action. With DONE, the answer is in `reply`.
//
// # Safety
// The call was made; the other pointers are null or point to what they say.
void cikada_http_call_next(struct CikadaHttpCall *call,
                           struct CikadaEvent event,
                           const struct CikadaEnv *env,
                           struct CikadaAction *action,
                           struct CikadaReply *reply);

// What cikada_http_find_newer has found: copies the id with a NUL at its end. False: nothing newer, or no room for it.
//
// # Safety
// The call was made and is done; `id` points to so many bytes.
bool cikada_http_found(struct CikadaHttpCall *call, uint8_t *id, size_t room);

// Makes a call that writes a value: 2.04 (68) when it is stored.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the call.
bool cikada_coap_write(struct CikadaCoapCall *call,
                       const char *cik,
                       const char *alias,
                       const char *value,
                       uint8_t *buffer,
                       size_t buffer_length);

// Makes a call that reads the latest value: 2.05 (69), empty where there is none.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the call.
bool cikada_coap_read(struct CikadaCoapCall *call,
                      const char *cik,
                      const char *alias,
                      uint8_t *buffer,
                      size_t buffer_length);

// Makes a call that reads the latest value, then every new one: each is DONE by itself; ask for the next with CIKADA_EVENT_BEGIN.
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the call.
bool cikada_coap_observe(struct CikadaCoapCall *call,
                         const char *cik,
                         const char *alias,
                         uint8_t *buffer,
                         size_t buffer_length);

// Makes a call for the ids of all contents (`id` NULL), one a line, or that asks what one content is (see cikada_parse_info): 2.05 (69).
//
// # Safety
// Pointers are null or point to what they say; texts end with NUL; texts and buffer outlive the call.
bool cikada_coap_contents(struct CikadaCoapCall *call,
                          const char *cik,
                          const char *vendor,
                          const char *model,
                          const char *id,
                          uint8_t *buffer,
                          size_t buffer_length);

// Asks for the next action. With DONE, the answer is in `reply`.
//
// # Safety
// The call was made; the other pointers are null or point to what they say.
void cikada_coap_call_next(struct CikadaCoapCall *call,
                           struct CikadaEvent event,
                           const struct CikadaEnv *env,
                           struct CikadaAction *action,
                           struct CikadaReply *reply);

// Finds the value of an alias in the body of a read or a wait, and decodes it where it stands: each alias can be asked for once. False:
// it isn't there.
//
// # Safety
// `body` points to so many bytes; the other pointers are null or point to what they say; `alias` ends with NUL.
bool cikada_find_value(uint8_t *body,
                       size_t body_length,
                       const char *alias,
                       struct CikadaText *value);

// Reads the body of an info call; the texts are in the body. False: it is malformed.
//
// # Safety
// `body` points to so many bytes; `info` is null or points to one.
bool cikada_parse_info(uint8_t *body, size_t body_length, struct CikadaInfo *info);

// Whether the version in a content's meta (the first run of numbers with dots) is above the installed one, number by number.
//
// # Safety
// The text is what cikada_parse_info gave; `installed` ends with NUL.
bool cikada_meta_is_newer(struct CikadaText meta,
                          const char *installed);

// At power-up: which slot to start. A trial uses up one of its tries; when none is left, the old image is started for good.
//
// # Safety
// `memory` is null or its functions can be called as they say.
enum CikadaStart cikada_boot_choose(const struct CikadaMemory *memory);

// The slot that a new image may be written to, 0 or 1; below 0: the memory failed. A trial that was under way is over.
//
// # Safety
// `memory` is null or its functions can be called as they say.
int32_t cikada_boot_spare(const struct CikadaMemory *memory);

// The spare slot holds a verified image: start it next, at most so many times without its confirmation. False: the memory failed.
//
// # Safety
// `memory` is null or its functions can be called as they say.
bool cikada_boot_stage(const struct CikadaMemory *memory,
                       uint8_t tries);

// The running image works: it is the confirmed one from now on. False: the memory failed.
//
// # Safety
// `memory` is null or its functions can be called as they say.
bool cikada_boot_confirm(const struct CikadaMemory *memory);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CIKADA_DEVICE_H */
