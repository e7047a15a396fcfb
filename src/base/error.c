/* Errors, statuses and the version.
 *
 * An error is filled in without taking memory, so that lack of memory can be told too: messages are
 * formatted on the stack, and errno has its own table of texts because strerror may allocate and
 * speaks the locale's language. Texts from files can hold anything, so that control characters are
 * replaced only when an error is shown.
 */
#include "base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT(x)  #x
#define DIGIT(x) TEXT(x)

static const struct {
  const char *text;
  int exit_code;
} statuses[] = {
#define X(name, text, exit_code) {text, exit_code},
    POME_STATUS_TABLE(X)
#undef X
};

/* What the system says, the status it stands for. */
static const struct {
  int number;
  pome_status status;
  const char *text;
} os_errors[] = {
    {ENOENT, POME_INPUT, "no such file or folder"},
    {ENOTDIR, POME_INPUT, "a part of the path is not a folder"},
    {EISDIR, POME_INPUT, "it is a folder"},
    {EACCES, POME_INPUT, "permission denied"},
    {EPERM, POME_INPUT, "operation not permitted"},
    {ELOOP, POME_INPUT, "a symbolic link is in the way"},
    {ENAMETOOLONG, POME_INPUT, "the name is too long"},
    {EXDEV, POME_INPUT, "the path leaves its folder"},
    {ENXIO, POME_INPUT, "no such device"},
    {ENODEV, POME_INPUT, "not supported by this device"},
    {EOVERFLOW, POME_INPUT, "the file is too large"},
    {EFBIG, POME_INPUT, "the file is too large"},
    {ENOMEM, POME_MEMORY, "out of memory"},
    {EMFILE, POME_IO, "too many open files in this process"},
    {ENFILE, POME_IO, "too many open files in this system"},
    {EEXIST, POME_IO, "it exists already"},
    {EIO, POME_IO, "the device failed"},
    {ENOSPC, POME_IO, "no space left"},
    {EDQUOT, POME_IO, "quota used up"},
    {EROFS, POME_IO, "read-only file system"},
    {ETXTBSY, POME_IO, "the file is being run"},
    {EBUSY, POME_IO, "in use"},
    {EINTR, POME_IO, "interrupted"},
    {EAGAIN, POME_IO, "not now, try again"},
    {EPIPE, POME_IO, "the reader has gone"},
    {ESTALE, POME_IO, "the file has gone from its server"},
};

const char *pome_status_text(pome_status status) {
  size_t index = (size_t)status;
  return index < sizeof statuses / sizeof *statuses ? statuses[index].text : "unknown status";
}

int pome_status_exit_code(pome_status status) {
  size_t index = (size_t)status;
  if (index >= sizeof statuses / sizeof *statuses) index = POME_INTERNAL;
  return statuses[index].exit_code;
}

const char *pome_version(void) {
  return DIGIT(POME_VERSION_MAJOR) "." DIGIT(POME_VERSION_MINOR) "." DIGIT(POME_VERSION_PATCH);
}

/* Ends a text that was cut at `size` with "...", not inside a UTF-8 sequence. */
static void mark_cut(char *buffer, size_t size) {
  size_t end = size > 4 ? size - 4 : 0;
  while (end > 0 && ((unsigned char)buffer[end] & 0xc0) == 0x80) end--;
  for (size_t i = end; i + 1 < size && i < end + 3; i++) buffer[i] = '.';
  buffer[end + 3 < size ? end + 3 : size - 1] = '\0';
}

static void format_list(char *buffer, size_t size, const char *format, va_list arguments) {
  int length = vsnprintf(buffer, size, format, arguments);
  if (length < 0) buffer[0] = '\0';
  else if ((size_t)length >= size) mark_cut(buffer, size);
}

static void copy_text(char *buffer, size_t size, const char *text) {
  size_t length = strlen(text);
  if (length < size) {
    memmove(buffer, text, length + 1);
    return;
  }
  memmove(buffer, text, size - 1);
  buffer[size - 1] = '\0';
  mark_cut(buffer, size);
}

static void set_error(pome_error *error, pome_status status, const char *message) {
  error->status = status;
  copy_text(error->message, sizeof error->message, message);
  error->hint[0] = '\0';
  error->file[0] = '\0';
  error->offset = POME_NO_OFFSET;
  error->line = 0;
  error->column = 0;
  error->op[0] = '\0';
  error->os_error = 0;
}

void pome__error_set(pome_error *error, pome_status status, const char *format, ...) {
  if (!error) return;
  char message[sizeof error->message]; /* the arguments may lie in the error itself */
  va_list arguments;
  va_start(arguments, format);
  format_list(message, sizeof message, format, arguments);
  va_end(arguments);
  set_error(error, status, message);
}

pome_status pome__fail_errno(pome_error *error, int os_error, const char *format, ...) {
  pome_status status = POME_IO;
  const char *text = NULL;
  for (size_t i = 0; i < sizeof os_errors / sizeof *os_errors; i++) {
    if (os_errors[i].number != os_error) continue;
    status = os_errors[i].status;
    text = os_errors[i].text;
    break;
  }
  if (!error) return status;
  char before[sizeof error->message], message[sizeof error->message + 64];
  va_list arguments;
  va_start(arguments, format);
  format_list(before, sizeof before, format, arguments);
  va_end(arguments);
  if (text) (void)snprintf(message, sizeof message, "%s: %s", before, text);
  else (void)snprintf(message, sizeof message, "%s: system error %d", before, os_error);
  set_error(error, status, message);
  error->os_error = os_error;
  return status;
}

void pome__error_hint(pome_error *error, const char *format, ...) {
  if (!error || error->hint[0]) return;
  char hint[sizeof error->hint];
  va_list arguments;
  va_start(arguments, format);
  format_list(hint, sizeof hint, format, arguments);
  va_end(arguments);
  copy_text(error->hint, sizeof error->hint, hint);
}

void pome__error_at_file(pome_error *error, const char *path) {
  if (error && path && !error->file[0]) copy_text(error->file, sizeof error->file, path);
}

void pome__error_at_offset(pome_error *error, uint64_t offset) {
  if (error && error->offset == POME_NO_OFFSET) error->offset = offset;
}

void pome__error_at_line(pome_error *error, uint32_t line, uint32_t column) {
  if (!error || error->line) return;
  error->line = line;
  error->column = column;
}

void pome__error_at_op(pome_error *error, const char *op) {
  if (error && op && !error->op[0]) copy_text(error->op, sizeof error->op, op);
}

/* A text that grows past its buffer: `length` counts on. */
typedef struct text {
  char *buffer;
  size_t size;
  size_t length;
} text;

/* ASCII controls, and U+0080 to U+009F, which terminals obey too. */
static bool is_control(const unsigned char *c) {
  return c[0] < 0x20 || c[0] == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0);
}

static void append(text *out, const char *piece) {
  for (; *piece; piece++, out->length++) {
    char shown = is_control((const unsigned char *)piece) ? '?' : *piece;
    if ((unsigned char)*piece == 0xc2 && shown == '?') piece++;
    if (out->length + 1 < out->size) out->buffer[out->length] = shown;
  }
}

size_t pome_error_format(const pome_error *error, char *buffer, size_t size) {
  text out = {buffer, size, 0};
  if (size > 0) memset(buffer, 0, size);
  if (!error) return 0;
  append(&out, error->message[0] ? error->message : pome_status_text(error->status));
  const char *separator = " (";
  char number[48];
  if (error->file[0]) {
    append(&out, separator);
    append(&out, error->file);
    separator = ", ";
  }
  if (error->line) {
    (void)snprintf(number, sizeof number, error->column ? "%s %" PRIu32 ":%" PRIu32 : "%s %" PRIu32,
                   "line", error->line, error->column);
    append(&out, separator);
    append(&out, number);
    separator = ", ";
  }
  if (error->offset != POME_NO_OFFSET) {
    (void)snprintf(number, sizeof number, "byte %" PRIu64, error->offset);
    append(&out, separator);
    append(&out, number);
    separator = ", ";
  }
  if (error->op[0]) {
    append(&out, separator);
    append(&out, "op ");
    append(&out, error->op);
    separator = ", ";
  }
  if (separator[0] == ',') append(&out, ")");
  return out.length;
}
