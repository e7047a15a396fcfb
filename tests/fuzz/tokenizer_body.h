/* What is done with every tokenizer that opens: texts of many kinds in all ways, and ids back, at
 * once and one by one. */
#ifndef POME_TESTS_FUZZ_TOKENIZER_BODY_H
#define POME_TESTS_FUZZ_TOKENIZER_BODY_H

#include <stdlib.h>
#include <string.h>

#include "llm/text/tokenizer.h"
#include "llm/text/unicode.h"

#define MAX_TOKENS 4096

static const char *const texts[] = {
    "",
    "ab  ab\n don't <s>ab</s> AB12",
    "\xc3\xa9"
    "e\xcc\x81\xcc\xa8\xe2\x96\x81\xe4\xb8\xad\xf0\x9f\xab\xa0\xef\xac\x81",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    "aa",
    "abababababab abababababababab<x>abababababababababababab?ababababababababababa bababababab "
    ".,!",
};

static void check_stream(const pome_tokenizer *t, const int32_t *ids, size_t count,
                         unsigned flags) {
  pome_detokenizer *d;
  pome_string piece;
  char *whole = NULL;
  size_t size = 0, at = 0;
  if (pome_tokenizer_decode(t, ids, count, flags, NULL, 0, &size, NULL) != POME_OK) return;
  whole = malloc(size + 1);
  if (whole == NULL ||
      pome_tokenizer_decode(t, ids, count, flags, whole, size, &size, NULL) != POME_OK)
    abort();
  if (!pome__text_is_utf8(whole, size)) abort();
  if (pome_detokenizer_create(t, flags, &d, NULL) != POME_OK) abort();
  for (size_t i = 0; i <= count; i++) {
    pome_status status = i < count ? pome_detokenizer_add(d, ids[i], &piece, NULL)
                                   : pome_detokenizer_finish(d, &piece, NULL);
    if (status != POME_OK || piece.size > size - at ||
        memcmp(whole + at, piece.data, piece.size) != 0)
      abort();
    if (!pome__text_is_utf8(piece.data, piece.size)) abort();
    at += piece.size;
  }
  if (at != size) abort();
  pome_detokenizer_free(d);
  free(whole);
}

static void exercise(const pome_tokenizer *t) {
  static int32_t ids[MAX_TOKENS];
  static pome_span spans[MAX_TOKENS];
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    size_t size = strlen(texts[i]);
    for (unsigned flags = 0; flags < 4; flags++) {
      size_t count = 0, again = 0;
      if (pome_tokenizer_encode_with(t, texts[i], size, flags, ids, NULL, MAX_TOKENS, &count,
                                     NULL) != POME_OK)
        continue;
      if (pome_tokenizer_encode_with(t, texts[i], size, flags, ids, spans, MAX_TOKENS, &again,
                                     NULL) != POME_OK ||
          again != count)
        abort();
      if (count > MAX_TOKENS) count = MAX_TOKENS;
      for (size_t k = 0; k < count; k++) {
        if (ids[k] < 0 || (size_t)ids[k] >= pome_tokenizer_vocab_size(t)) abort();
        if (spans[k].begin > spans[k].end || spans[k].end > size) abort();
      }
      check_stream(t, ids, count, flags & POME_DECODE_SKIP_SPECIAL);
    }
  }
  for (int32_t i = 0; i < 300; i++) ids[i] = i * 7 % 301 - 1;
  check_stream(t, ids, 300, 0);
}

static int run(const uint8_t *data, size_t size,
               pome_status (*read)(pome_tokenizer *, pome__bytes, pome_error *)) {
  pome_error error;
  pome_tokenizer *t = pome__tokenizer_new(NULL);
  if (t != NULL && read(t, (pome__bytes){data, size}, &error) == POME_OK) exercise(t);
  pome_tokenizer_close(t);
  return 0;
}

#endif
