/* See mutate.h. */
#include "mutate.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "exercise.h"

static size_t below(uint64_t *random, size_t limit) {
  return (size_t)(exercise_random(random) % limit);
}

/* ---- bytes ---- */

static void mutate_byte(uint8_t *data, size_t size, uint64_t *random) {
  static const uint8_t odd[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x10, 0x40};
  size_t at = below(random, size);
  switch (below(random, 4)) {
  case 0: data[at] ^= (uint8_t)(1u << below(random, 8)); break;
  case 1: data[at] = odd[below(random, sizeof odd)]; break;
  case 2: data[at] = (uint8_t)(data[at] + 1 + below(random, 2) * 254); break;
  default: data[at] = data[below(random, size)]; break;
  }
}

void mutate_bytes(uint8_t *data, size_t size, uint64_t *random) {
  size_t places = 1 + below(random, 4);
  for (size_t i = 0; size > 0 && i < places; i++) mutate_byte(data, size, random);
}

/* ---- words ---- */

typedef struct words {
  char *text;
  size_t size, capacity;
} words;

typedef struct span {
  size_t at, size;
} span;

static bool is_word(char c) {
  return isalnum((unsigned char)c) || c == '_' || c == '?';
}

/* The word at or after a random place, around the end if need be. Empty when the text has none. */
static span pick_word(const words *w, uint64_t *random) {
  size_t start = below(random, w->size);
  for (size_t i = 0; i < w->size; i++) {
    size_t at = (start + i) % w->size;
    if (!is_word(w->text[at]) || (at > 0 && is_word(w->text[at - 1]))) continue;
    span found = {at, 1};
    while (at + found.size < w->size && is_word(w->text[at + found.size])) found.size++;
    return found;
  }
  return (span){0, 0};
}

static bool is_number(const words *w, span s) {
  return isdigit((unsigned char)w->text[s.at]);
}

static void replace(words *w, span s, const char *with, size_t size) {
  if (w->size - s.size + size > w->capacity) return;
  memmove(w->text + s.at + size, w->text + s.at + s.size, w->size - s.at - s.size);
  memcpy(w->text + s.at, with, size);
  w->size = w->size - s.size + size;
}

static void replace_number(words *w, span s, uint64_t *random) {
  static const char *const odd[] = {
      "0",  "1",   "2",   "3",     "4",          "5",          "6",           "7",
      "8",  "16",  "100", "65536", "2147483647", "2147483648", "4294967295",  "9223372036854775807",
      "-1", "-2",  "-3",  "-5",    "-100",       "1e30",       "0x1p-149",    "inf",
      "?",  "nan", "17",  "32",    "0.5",        "255",        "-2147483648", "1000000"};
  const char *number = odd[below(random, below(random, 2) ? 8 : sizeof odd / sizeof odd[0])];
  replace(w, s, number, strlen(number));
}

/* A type or one of the short words that choose among behaviours. */
static void replace_keyword(words *w, span s, uint64_t *random) {
  static const char *const keywords[] = {
      "fp16",  "fp32",   "int32",  "bool",  "string",  "int8",     "uint8", "int16",  "uint4",
      "int4",  "fp64",   "int64",  "true",  "false",   "valid",    "same",  "custom", "reflect",
      "add",   "update", "ios15",  "ios16", "ios17",   "ios18",    "mul",   "min",    "replicate",
      "const", "select", "matmul", "cast",  "reshape", "identity", "tile"};
  const char *keyword = keywords[below(random, sizeof keywords / sizeof keywords[0])];
  replace(w, s, keyword, strlen(keyword));
}

static void replace_by_other(words *w, span s, uint64_t *random) {
  char copy[64];
  span other = pick_word(w, random);
  if (other.size > sizeof copy) return;
  memcpy(copy, w->text + other.at, other.size);
  replace(w, s, copy, other.size);
}

/* From behind one `;` to behind the next. */
static span pick_statement(const words *w, uint64_t *random) {
  size_t at = below(random, w->size);
  while (at < w->size && w->text[at] != ';') at++;
  if (at == w->size) return (span){0, 0};
  span s = {at + 1, 0};
  while (s.at + s.size < w->size && w->text[s.at + s.size] != ';') s.size++;
  if (s.at + s.size == w->size) return (span){0, 0};
  s.size++;
  return s;
}

static void mutate_statement(words *w, uint64_t *random) {
  char copy[1024];
  span s = pick_statement(w, random);
  if (s.size == 0 || s.size > sizeof copy) return;
  if (below(random, 2) == 0) {
    replace(w, s, "", 0);
    return;
  }
  memcpy(copy, w->text + s.at, s.size);
  span target = pick_statement(w, random);
  replace(w, (span){target.size ? target.at : s.at, 0}, copy, s.size);
}

/* Elements of a list: `[1, 2]` to `[1]` or `[1, 2, 2]`. */
static void mutate_list(words *w, uint64_t *random) {
  span s = pick_word(w, random);
  size_t end = s.at + s.size;
  if (s.size == 0 || s.size > 24) return;
  if (end + 1 < w->size && w->text[end] == ',' && below(random, 2) == 0) {
    replace(w, (span){s.at, s.size + 2}, "", 0);
    return;
  }
  char copy[32] = ", ";
  memcpy(copy + 2, w->text + s.at, s.size);
  replace(w, (span){end, 0}, copy, s.size + 2);
}

static void mutate_word(words *w, uint64_t *random) {
  span s = pick_word(w, random);
  for (int i = 0; i < 3 && s.size > 0 && !is_number(w, s); i++)
    s = pick_word(w, random); /* numbers say more than names */
  if (s.size == 0) return;
  if (is_number(w, s)) replace_number(w, s, random);
  else if (below(random, 3) == 0) replace_keyword(w, s, random);
  else replace_by_other(w, s, random);
}

size_t mutate_text(char *text, size_t size, size_t capacity, uint64_t *random) {
  words w = {text, size, capacity};
  size_t places = below(random, 4) > 0 ? 1 : 2 + below(random, 3);
  for (size_t i = 0; w.size > 0 && i < places; i++) {
    switch (below(random, 16)) {
    case 0: mutate_statement(&w, random); break;
    case 1: mutate_list(&w, random); break;
    case 2: mutate_byte((uint8_t *)w.text, w.size, random); break;
    default: mutate_word(&w, random); break;
    }
  }
  return w.size;
}
