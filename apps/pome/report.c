/* See report.h. SIGPIPE is ignored so that a closed pipe is noticed where the result is written;
 * the process then ends quietly with the status a shell shows for that signal.
 */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

#define EXIT_BROKEN_PIPE (128 + SIGPIPE)

static bool quiet, stdout_was_closed, progress_shown;
static int verbosity, stdout_error;

void report_start(void) {
  for (int fd = 0; fd <= 2; fd++) {
    if (fcntl(fd, F_GETFD) >= 0) continue;
    if (fd == 1) stdout_was_closed = true;
    /* A file opened later must not become one of the standard streams. */
    int null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
    if (null >= 0 && null != fd) {
      dup2(null, fd);
      close(null);
    }
  }
  signal(SIGPIPE, SIG_IGN);
}

void report_configure(bool be_quiet, int level) {
  quiet = be_quiet;
  verbosity = level;
}

/* The failure may have come long before, inside a write whose errno is gone: asks the pipe itself.
 */
static int failure_of_stdout(int known) {
  struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
  if (known) return known;
  return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) ? EPIPE : EIO;
}

static bool flush_stdout(void) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return true;
  if (!stdout_error) stdout_error = failure_of_stdout(errno);
  return false;
}

bool report_broken(void) {
  return !flush_stdout();
}

int report_finish(int status) {
  report_progress_end();
  if (stdout_was_closed && status == 0) stdout_error = EBADF;
  else flush_stdout();
  if (!stdout_error) return status;
  if (stdout_error == EPIPE) return EXIT_BROKEN_PIPE;
  pome_error error;
  if (stdout_was_closed) {
    pome__fail(&error, POME_IO, "the standard output is closed");
    return report_error(&error);
  }
  pome__fail_errno(&error, stdout_error, "cannot write to the standard output");
  error.status = POME_IO;
  return report_error(&error);
}

/* ---- stderr ---- */

int report_error(const pome_error *error) {
  report_progress_end();
  fflush(stdout);
  char text[2048];
  pome_error_format(error, text, sizeof text);
  fputs("pome: ", stderr);
  report_safe(stderr, text, strlen(text), false);
  fputc('\n', stderr);
  if (error->hint[0]) {
    fputs("hint: ", stderr);
    report_safe(stderr, error->hint, strlen(error->hint), false);
    fputc('\n', stderr);
  }
  return pome_status_exit_code(error->status);
}

static void print_line(const char *prefix, const char *format, va_list values) {
  char text[2048];
  vsnprintf(text, sizeof text, format, values);
  report_progress_end();
  fputs(prefix, stderr);
  report_safe(stderr, text, strlen(text), false);
  fputc('\n', stderr);
}

void report_warning(const char *format, ...) {
  if (quiet) return;
  va_list values;
  va_start(values, format);
  print_line("pome: warning: ", format, values);
  va_end(values);
}

void report_info(const char *format, ...) {
  if (verbosity < 1) return;
  va_list values;
  va_start(values, format);
  print_line("", format, values);
  va_end(values);
}

void report_progress(const char *format, ...) {
  if (quiet || !isatty(STDERR_FILENO)) return;
  char text[256];
  va_list values;
  va_start(values, format);
  vsnprintf(text, sizeof text, format, values);
  va_end(values);
  fputs("\r\033[K", stderr);
  report_safe(stderr, text, strlen(text), false);
  fflush(stderr);
  progress_shown = true;
}

void report_progress_end(void) {
  if (progress_shown) fputs("\r\033[K", stderr);
  progress_shown = false;
}

static void write_log(void *context, pome_log_level level, const char *line) {
  (void)context;
  if (level == POME_LOG_WARNING) report_warning("%s", line);
  else if (level == POME_LOG_INFO || verbosity > 1) report_info("%s", line);
}

const pome_log *report_log(void) {
  static const pome_log log = {.context = NULL, .write = write_log};
  return &log;
}

/* ---- text that is not ours ---- */

static bool is_harmful(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void report_safe(FILE *file, const char *text, size_t size, bool lines) {
  const char *at = text, *end = text + size;
  while (at < end) {
    size_t length;
    uint32_t code = utf8_next(at, (size_t)(end - at), &length);
    if (lines && (code == '\n' || code == '\t')) fputc((int)code, file);
    else if (is_harmful(code)) fputc(code == '\n' || code == '\t' ? ' ' : '?', file);
    else if (code == UTF8_BROKEN) fputs("\xef\xbf\xbd", file);
    else fwrite(at, 1, length, file);
    at += length;
  }
}

void report_put(const char *text) {
  report_safe(stdout, text, strlen(text), false);
}

int report_width(const char *text) {
  int width = 0;
  const char *at = text, *end = text + strlen(text);
  for (size_t length; at < end; at += length, width++)
    (void)utf8_next(at, (size_t)(end - at), &length);
  return width;
}

/* ---- stdout ---- */

bool report_terminal(void) {
  return isatty(STDOUT_FILENO);
}

static bool shows_color(void) {
  const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
  return report_terminal() && !(no && *no) && !(terminal && strcmp(terminal, "dumb") == 0);
}

const char *report_bold(void) {
  return shows_color() ? "\033[1m" : "";
}
const char *report_plain(void) {
  return shows_color() ? "\033[0m" : "";
}

static int write_stdout(const char *buffer, size_t size, void *context) {
  (void)context;
  return fwrite(buffer, 1, size, stdout) == size ? 0 : -1;
}

pome_status report_json(json_t *root, int digits, pome_error *error) {
  if (!root) return pome__fail_memory(error, "the JSON document");
  /* Indented for eyes, one line for programs. */
  size_t flags = JSON_REAL_PRECISION(digits) | (report_terminal() ? JSON_INDENT(2) : 0);
  errno = 0;
  int failed = json_dump_callback(root, write_stdout, NULL, flags);
  json_decref(root);
  if (failed && !ferror(stdout)) return pome__fail_memory(error, "the JSON document");
  if (failed && !stdout_error) stdout_error = failure_of_stdout(errno);
  putchar('\n');
  return POME_OK; /* a broken stdout is report_finish's to tell */
}

const char *report_bytes(double bytes, char *buffer, size_t size) {
  static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
    bytes /= 1000;
    unit++;
  }
  if (unit == 0) snprintf(buffer, size, "%.0f %s", bytes, bytes == 1 ? "byte" : "bytes");
  else snprintf(buffer, size, bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
  return buffer;
}
