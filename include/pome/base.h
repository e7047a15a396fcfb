/* pome/base.h: what every other header needs: version, status, errors, allocator, log.
 *
 * Rules that hold for the whole library:
 *   - A function returns a status or a value, never both. Outputs come last and are untouched on
 *     failure. Every `free` and `close` accepts NULL.
 *   - The library never prints, exits or aborts on input or on lack of memory, opens no socket and
 *     reads no environment variable.
 *   - Options structs start with their size and grow at their end. Their `_init` function fills the
 *     defaults, in as many bytes as the program's header knows (what `_init_sized` is told): a
 *     program built with an older header runs with a newer library. NULL for an options pointer
 *     means the defaults.
 *   - Every `pome_error *` parameter may be NULL.
 */
#ifndef POME_BASE_H
#define POME_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POME_VERSION_MAJOR 0
#define POME_VERSION_MINOR 1
#define POME_VERSION_PATCH 0

#if defined(__GNUC__) || defined(__clang__)
#define POME_API __attribute__((visibility("default")))
#else
#define POME_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Status codes. The third column is the exit status of the command line. */
#define POME_STATUS_TABLE(X)                                                                       \
  X(OK, "ok", 0)                                                                                   \
  X(USAGE, "wrong use of the interface", 2)                                                        \
  X(INPUT, "bad input", 3)                                                                         \
  X(UNSUPPORTED, "not supported here", 4)                                                          \
  X(MEMORY, "out of memory", 5)                                                                    \
  X(IO, "input or output failed", 5)                                                               \
  X(CANCELLED, "cancelled", 130)                                                                   \
  X(INTERNAL, "internal error", 3)

typedef enum pome_status {
#define X(name, text, exit_code) POME_##name,
  POME_STATUS_TABLE(X)
#undef X
} pome_status;

/* No byte offset is known. */
#define POME_NO_OFFSET UINT64_MAX

/* What went wrong and where. A plain struct, owned by the caller, without pointers: it can be
 * copied, and an error about lack of memory needs none. A successful call leaves it untouched. */
typedef struct pome_error {
  pome_status status;
  char message[512]; /* one line: what was seen, what is allowed */
  char hint[256];    /* what to do, or "" */
  char file[512];    /* path, or "" */
  uint64_t offset;   /* byte offset in `file`, or POME_NO_OFFSET */
  uint32_t line;     /* in a text file, from 1; 0 when unknown */
  uint32_t column;
  char op[160]; /* name of the operation, or "" */
  int os_error; /* errno of the system call that caused it, or 0 */
} pome_error;

/* Writes "message (where)" into `buffer`, always NUL-terminated when size > 0; control characters
 * from files are replaced by '?'. Returns the length the whole text has. */
POME_API size_t pome_error_format(const pome_error *error, char *buffer, size_t size);

/* A short fixed text for a status, and the process exit status that stands for it. */
POME_API const char *pome_status_text(pome_status status);
POME_API int pome_status_exit_code(pome_status status);

/* "0.1.0", static. */
POME_API const char *pome_version(void);

/* Where memory comes from. All three functions must be safe to call from any thread. `allocate`
 * returns memory aligned for any type, or NULL. `reallocate` and `free` are told the old size. The
 * struct must outlive every object made with it. NULL stands for the C library's malloc,
 * which is asked for no block larger than the machine's memory: how much a prediction takes is up
 * to the model. Whoever wants a lower ceiling gives an allocator that has one. */
typedef struct pome_allocator {
  void *context;
  void *(*allocate)(void *context, size_t size);
  void *(*reallocate)(void *context, void *pointer, size_t old_size, size_t new_size);
  void (*free)(void *context, void *pointer, size_t size);
} pome_allocator;

typedef enum pome_log_level { POME_LOG_DEBUG, POME_LOG_INFO, POME_LOG_WARNING } pome_log_level;

/* Receives one line of diagnostics without newline. May be called from any thread. */
typedef struct pome_log {
  void *context;
  void (*write)(void *context, pome_log_level level, const char *line);
} pome_log;

#ifdef __cplusplus
}
#endif
#endif
