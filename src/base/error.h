/* Filling in a pome_error. The innermost function that knows what went wrong sets status and
 * message; callers on the way out add the place they know, and never overwrite a place already set.
 */
#ifndef POME_SRC_BASE_ERROR_H
#define POME_SRC_BASE_ERROR_H

#include <pome/base.h>

#define POME__PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Sets a fresh error (place cleared). Used through pome__fail. */
void pome__error_set(pome_error *error, pome_status status, const char *format, ...)
    POME__PRINTF(3, 4);

static inline pome_status pome__same_status(pome_status status) {
  return status;
}

/* Sets a fresh error and is `status`, so that one can write `return pome__fail(error, POME_INPUT,
 * "...", ...)`. A macro, so that compilers see that it is not POME_OK. */
#define pome__fail(error, status, ...)                                                             \
  (pome__error_set((error), (status), __VA_ARGS__), pome__same_status(status))

/* Out of memory; `what` names the thing that did not fit. */
#define pome__fail_memory(error, what)                                                             \
  pome__fail((error), POME_MEMORY, "out of memory for %s", (what))

/* The same for what a name and a size tell from others. */
#define pome__fail_bytes(error, what, name, bytes)                                                 \
  pome__fail((error), POME_MEMORY, "out of memory for %s \"%s\", %zu bytes", (what), (name),       \
             (size_t)(bytes))

/* A system call failed: keeps errno and appends its text to the message. ENOENT and the like become
 * POME_INPUT, ENOMEM POME_MEMORY, others POME_IO. */
pome_status pome__fail_errno(pome_error *error, int os_error, const char *format, ...)
    POME__PRINTF(3, 4);

/* Says what the user can do, unless that has been said. */
void pome__error_hint(pome_error *error, const char *format, ...) POME__PRINTF(2, 3);

/* Add a place unless one of that kind is set. */
void pome__error_at_file(pome_error *error, const char *path);
void pome__error_at_offset(pome_error *error, uint64_t offset);
void pome__error_at_line(pome_error *error, uint32_t line, uint32_t column);
void pome__error_at_op(pome_error *error, const char *op);

/* `return` early when an expression gives a status that is not POME_OK. */
#define POME__TRY(expression)                                                                      \
  do {                                                                                             \
    pome_status pome__try_status = (expression);                                                   \
    if (pome__try_status != POME_OK) return pome__try_status;                                      \
  } while (0)

#endif
