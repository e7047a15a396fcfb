/* See line.h. Bytes are read here and handed to libedit as characters, so that a signal can end the
 * wait for one, and so that nothing pasted is taken for an editing key.
 */
#include "line.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#ifdef POME_WITH_LIBEDIT
#include <histedit.h>
#endif

#include "interrupt.h"
#include "utf8.h"

#define PASTE_BEGINS "\033[200~"
#define PASTE_ENDS   "\033[201~"
#define ESCAPE_WAIT  30 /* ms in which the rest of a key's bytes follows its first */
#define MOST_LINE    MOST_PROMPT

struct lines {
  char bytes[4096];
  size_t at, size;
  bool pasting, ended, interrupted;
  const char *prompt;
#ifdef POME_WITH_LIBEDIT
  EditLine *editor;
  History *history;
#endif
};

/* ---- bytes ---- */

/* False when a signal came, which until then was held back: none is missed between looking and
 * waiting. */
static bool wait_for_input(int milliseconds, bool *ready) {
  sigset_t held, before;
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  struct timespec most = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  int found = -1;
  sigemptyset(&held);
  sigaddset(&held, SIGINT);
  sigaddset(&held, SIGTERM);
  sigprocmask(SIG_BLOCK, &held, &before);
  while (found < 0 && !interrupt_seen()) {
    found = ppoll(&in, 1, milliseconds < 0 ? NULL : &most, &before);
    if (found < 0 && errno != EINTR) break;
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  *ready = found > 0;
  return !interrupt_seen();
}

/* More bytes behind those that are there; false when there are none. */
static bool read_more(lines *l, int milliseconds) {
  bool ready;
  if (l->at > 0) memmove(l->bytes, l->bytes + l->at, l->size - l->at);
  l->size -= l->at;
  l->at = 0;
  if (!wait_for_input(milliseconds, &ready)) return l->interrupted = true, false;
  if (!ready) return false;
  ssize_t n = read(STDIN_FILENO, l->bytes + l->size, sizeof l->bytes - l->size);
  if (n <= 0) l->ended = true;
  else l->size += (size_t)n;
  return n > 0;
}

static bool have(lines *l, size_t count, int milliseconds) {
  while (l->size - l->at < count)
    if (!read_more(l, milliseconds)) return false;
  return true;
}

/* Takes the mark if it comes next. */
static bool take_mark(lines *l, const char *mark) {
  size_t size = strlen(mark);
  for (size_t i = 0; i < size; i++)
    if (!have(l, i + 1, ESCAPE_WAIT) || l->bytes[l->at + i] != mark[i]) return false;
  l->at += size;
  return true;
}

static bool is_control(uint32_t character) {
  return character < 0x20 ? character != '\n' && character != '\r' && character != '\t'
                          : character >= 0x7f && character < 0xa0;
}

/* The next character; false when there is none. Within a pasted text newlines and tabs are the only
 * control characters. */
static bool next_character(lines *l, uint32_t *character) {
  for (;;) {
    size_t wanted = 1, length;
    if (!have(l, 1, -1)) return false;
    if (l->bytes[l->at] == '\033') {
      bool marked = take_mark(l, l->pasting ? PASTE_ENDS : PASTE_BEGINS);
      if (l->interrupted) return false;
      if (marked) l->pasting = !l->pasting;
      if (marked) continue;
    }
    unsigned char first = (unsigned char)l->bytes[l->at];
    if (first >= 0xc2) wanted = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    (void)have(l, wanted, ESCAPE_WAIT);
    *character = utf8_next(l->bytes + l->at, l->size - l->at, &length);
    l->at += length;
    if (!l->pasting || !is_control(*character)) break;
  }
  if (l->pasting && *character == '\r') *character = '\n';
  return true;
}

/* ---- the terminal's own editing ---- */

static line_result read_plain(lines *l, text_buffer *line, bool *written) {
  size_t begin = line->size;
  uint32_t character = 0;
  fputs(l->prompt, stderr);
  fflush(stderr);
  while (next_character(l, &character) && character != '\n') {
    char bytes[4];
    if (line->size - begin > MOST_LINE || !text_append(line, bytes, utf8_put(character, bytes)))
      return LINE_FAILED;
  }
  *written = line->size > begin;
  bool read = !l->interrupted && (*written || character == '\n');
  if (!read) fputc('\n', stderr);
  return read ? LINE_READ : l->interrupted ? LINE_INTERRUPTED : LINE_END;
}

/* ---- libedit ---- */

#ifdef POME_WITH_LIBEDIT

static char *current_prompt(EditLine *editor) {
  lines *l;
  el_get(editor, EL_CLIENTDATA, &l);
  return (char *)l->prompt;
}

static int next_key(EditLine *editor, wchar_t *key) {
  lines *l;
  uint32_t character;
  el_get(editor, EL_CLIENTDATA, &l);
  if (!next_character(l, &character)) return l->ended ? 0 : -1;
  *key = (wchar_t)character;
  return 1;
}

/* The editor shows characters by the locale, which must know UTF-8. */
static bool locale_is_utf8(void) {
  setlocale(LC_CTYPE, "");
  if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0) return true;
  return setlocale(LC_CTYPE, "C.UTF-8") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void open_editor(lines *l) {
  const char *terminal = getenv("TERM");
  HistEvent event;
  if (!terminal || !*terminal || strcmp(terminal, "dumb") == 0) return;
  if (!isatty(STDERR_FILENO) || !locale_is_utf8()) return;
  l->editor = el_init("pome", stdin, stderr, stderr);
  l->history = history_init();
  if (!l->editor || !l->history) return;
  history(l->history, &event, H_SETSIZE, 500);
  history(l->history, &event, H_SETUNIQUE, 1);
  el_set(l->editor, EL_CLIENTDATA, l);
  el_set(l->editor, EL_PROMPT, current_prompt);
  el_set(l->editor, EL_EDITOR, "emacs");
  el_set(l->editor, EL_HIST, history, l->history);
  el_set(l->editor, EL_GETCFN, next_key);
  el_set(l->editor, EL_BIND, "^I", "ed-insert", NULL);
  el_source(l->editor, NULL);
}

static void close_editor(lines *l) {
  if (l->history) history_end(l->history);
  if (l->editor) el_end(l->editor);
}

static line_result read_edited(lines *l, text_buffer *line, bool *written) {
  int count = 0;
  el_resize(l->editor);
  el_set(l->editor, EL_PREP_TERM, 1); /* before the prompt: else a Ctrl-D at it may be lost */
  fputs("\033[?2004h", stderr);       /* what is pasted comes between marks */
  fflush(stderr);
  const char *text = el_gets(l->editor, &count);
  const LineInfo *left = el_line(l->editor);
  *written = text ? count > 1 : left->lastchar > left->buffer;
  fputs("\033[?2004l", stderr);
  if (!text) fputc('\n', stderr);
  fflush(stderr);
  if (!text) el_reset(l->editor);
  if (l->interrupted) return LINE_INTERRUPTED;
  if (!text) return LINE_END;
  size_t size = strlen(text);
  if (size > 0 && text[size - 1] == '\n') size--;
  return size <= MOST_LINE && text_append(line, text, size) ? LINE_READ : LINE_FAILED;
}

#endif

/* ---- lines ---- */

lines *lines_open(void) {
  lines *l = calloc(1, sizeof *l);
#ifdef POME_WITH_LIBEDIT
  if (l) open_editor(l);
#endif
  return l;
}

void lines_close(lines *l) {
  if (!l) return;
#ifdef POME_WITH_LIBEDIT
  close_editor(l);
#endif
  free(l);
}

line_result lines_next(lines *l, const char *prompt, text_buffer *line, bool *written, bool *more) {
  line_result result;
  l->prompt = prompt;
  l->interrupted = *written = *more = false;
#ifdef POME_WITH_LIBEDIT
  result = l->editor && l->history ? read_edited(l, line, written) : read_plain(l, line, written);
#else
  result = read_plain(l, line, written);
#endif
  if (result == LINE_READ) *more = l->pasting;
  else l->pasting = false;
  return result;
}

void lines_remember(lines *l, const char *line) {
#ifdef POME_WITH_LIBEDIT
  HistEvent event;
  if (l->history) history(l->history, &event, H_ENTER, line);
#else
  (void)l;
  (void)line;
#endif
}
