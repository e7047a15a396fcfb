/* What the user sees: results on stdout, everything else on stderr.
 *
 * stdout carries the result and nothing else, as text or as one JSON document. Errors are
 * `pome: message (where)` and, when something can be done, `hint: ...`. Text that came from a model
 * or a file goes through report_safe, which lets no control character reach a terminal.
 */
#ifndef POME_APPS_REPORT_H
#define POME_APPS_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include <pome/base.h>

#include "base/error.h"

/* Exit statuses that have no pome_status. */
#define EXIT_NO 1 /* the answer is no */

/* Makes the three standard streams safe to use. Call first. */
void report_start(void);
void report_configure(bool quiet, int verbosity);
/* Flushes stdout; gives `status`, or that of the failure when stdout could not be written. Call
 * last. */
int report_finish(int status);

/* Prints the error; gives the exit status that stands for it. */
int report_error(const pome_error *error);
void report_warning(const char *format, ...) POME__PRINTF(1, 2);
/* Shown with -v. */
void report_info(const char *format, ...) POME__PRINTF(1, 2);
/* A line on a terminal's stderr that the next one replaces; nothing elsewhere, and nothing with -q.
 */
void report_progress(const char *format, ...) POME__PRINTF(1, 2);
void report_progress_end(void);
/* For options that take a log: warnings always, information with -v, the rest with -v -v. */
const pome_log *report_log(void);

/* Writes text with control characters, broken UTF-8 and direction overrides replaced; newlines too
 * unless `lines`. */
void report_safe(FILE *file, const char *text, size_t size, bool lines);
/* The same into stdout for a NUL-terminated text on one line. */
void report_put(const char *text);
/* Number of terminal columns that report_put fills, near enough for aligning. */
int report_width(const char *text);

bool report_terminal(void); /* stdout is one */
/* "\033[1m" and "\033[0m"; "" when stdout is no terminal, or one that shall show plain text. */
const char *report_bold(void);
const char *report_plain(void);

/* Prints and releases the document. `digits`: significant digits of its real numbers. */
pome_status report_json(json_t *root, int digits, pome_error *error);

/* True once stdout could not be written: no need to go on. */
bool report_broken(void);

/* "1.4 MB" into buffer (decimal units); returns buffer. */
const char *report_bytes(double bytes, char *buffer, size_t size);

#endif
