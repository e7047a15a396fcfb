/* See decoder_steps.h. */
#include "llm/text/decoder_steps.h"

#include <string.h>

#include "llm/text/unicode.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static const pome__origin nowhere = {0, 0};

static void put(pome__buffer *buffer, const char *data, size_t size) {
  pome__buffer_put(buffer, data, size, nowhere);
}

/* Drops the first `size` bytes. */
static void drop(pome__buffer *buffer, size_t size) {
  memmove(buffer->data, buffer->data + size, buffer->size - size);
  buffer->size -= size;
}

static pome_status hand_on(pome__decoding *d, size_t step, const char *data, size_t size,
                           pome_error *error) {
  return pome__decode_feed(d, step + 1, data, size, error);
}

static pome_status hand_on_work(pome__decoding *d, size_t step, pome_error *error) {
  const pome__buffer *work = &d->states[step].work;
  return hand_on(d, step, work->size == 0 ? "" : work->data, work->size, error);
}

/* ---- bytes ---- */

/* Writes the characters of `held` into `work`, U+FFFD for each wrong part; what is unfinished
 * stays, unless this is the end. */
static void take_characters(pome__decode_state *s, bool end) {
  size_t at = 0, length;
  pome__buffer_reset(&s->work);
  while (at < s->held.size) {
    pome__utf8_kind kind = pome__utf8_step(s->held.data + at, s->held.size - at, &length);
    if (kind == POME__UTF8_UNFINISHED && !end) break;
    if (kind == POME__UTF8_WHOLE) put(&s->work, s->held.data + at, length);
    else put(&s->work, REPLACEMENT, 3);
    at += length;
  }
  if (at > 0) drop(&s->held, at);
}

static pome_status feed_bytes(pome__decoding *d, size_t step, const char *data, size_t size,
                              pome_error *error) {
  pome__decode_state *s = &d->states[step];
  put(&s->held, data, size);
  take_characters(s, false);
  return hand_on_work(d, step, error);
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "<0xNN>" names, or -1. */
static int byte_named(const char *data, size_t size) {
  if (size != 6 || memcmp(data, "<0x", 3) != 0 || data[5] != '>') return -1;
  int high = hex_digit(data[3]), low = hex_digit(data[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* SentencePiece: characters as they become whole, U+FFFD for each other byte. */
static pome_status flush_each(pome__decoding *d, size_t step, bool end, pome_error *error) {
  pome__decode_state *s = &d->states[step];
  size_t at = 0, length;
  for (; at < s->held.size; at += length) {
    pome__utf8_kind kind = pome__utf8_step(s->held.data + at, s->held.size - at, &length);
    if (kind == POME__UTF8_UNFINISHED && !end) break;
    if (kind != POME__UTF8_WHOLE) length = 1;
    POME__TRY(kind == POME__UTF8_WHOLE ? hand_on(d, step, s->held.data + at, length, error)
                                       : hand_on(d, step, REPLACEMENT, 3, error));
  }
  if (at > 0) drop(&s->held, at);
  return POME_OK;
}

/* A run of byte tokens is one text, or else nothing but U+FFFD, as many as there are bytes. */
static pome_status flush_run(pome__decoding *d, size_t step, pome_error *error) {
  pome__decode_state *s = &d->states[step];
  size_t size = s->held.size;
  if (size == 0) return POME_OK;
  if (pome__text_is_utf8(s->held.data, size)) {
    POME__TRY(hand_on(d, step, s->held.data, size, error));
  } else {
    for (size_t i = 0; i < size; i++) POME__TRY(hand_on(d, step, REPLACEMENT, 3, error));
  }
  pome__buffer_reset(&s->held);
  return POME_OK;
}

static pome_status feed_byte_fallback(pome__decoding *d, size_t step, const char *data, size_t size,
                                      pome_error *error) {
  pome__decode_state *s = &d->states[step];
  bool each = d->decoder->steps[step].each;
  int byte = byte_named(data, size);
  if (byte >= 0) {
    put(&s->held, &(char){(char)byte}, 1);
    return each ? flush_each(d, step, false, error) : POME_OK;
  }
  POME__TRY(each ? flush_each(d, step, true, error) : flush_run(d, step, error));
  return hand_on(d, step, data, size, error);
}

/* ---- strip ---- */

static pome_status strip_token(pome__decoding *d, size_t step, const char *data, size_t size,
                               pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome_string c = row->text;
  for (size_t i = 0; i < row->start && size >= c.size && memcmp(data, c.data, c.size) == 0; i++)
    data += c.size, size -= c.size;
  for (size_t i = 0;
       i < row->stop && size >= c.size && memcmp(data + size - c.size, c.data, c.size) == 0; i++)
    size -= c.size;
  return hand_on(d, step, data, size, error);
}

/* Of a text that comes in parts: holds back, as a number, what may turn out to be its end. */
static pome_status strip_part(pome__decoding *d, size_t step, const char *data, size_t size,
                              pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__decode_state *s = &d->states[step];
  pome__buffer_reset(&s->work);
  for (size_t at = 0, length; at < size; at += length) {
    bool same =
        size - at >= row->text.size && memcmp(data + at, row->text.data, row->text.size) == 0;
    length = same ? row->text.size : pome__utf8_length(data[at]);
    if (same && !s->cut_done && s->cut < row->start) {
      s->cut++;
      continue;
    }
    s->cut_done = true;
    if (same && s->trailing < row->stop) {
      s->trailing++;
      continue;
    }
    if (!same) {
      for (; s->trailing > 0; s->trailing--) put(&s->work, row->text.data, row->text.size);
    }
    put(&s->work, data + at, length);
  }
  return hand_on_work(d, step, error);
}

static pome_status feed_leading(pome__decoding *d, size_t step, const char *data, size_t size,
                                pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__decode_state *s = &d->states[step];
  bool space = size >= row->text.size && memcmp(data, row->text.data, row->text.size) == 0;
  if (!s->cut_done && space) {
    data += row->text.size;
    size -= row->text.size;
    s->cut_done = !row->every;
  }
  s->cut_done = s->cut_done || size > 0;
  return hand_on(d, step, data, size, error);
}

/* ---- replace ---- */

/* Replaces in [data, size) up to where a match may still begin (`keep` bytes from the end); gives
 * how much was read. */
static pome_status replace_in(pome__decoding *d, size_t step, const char *data, size_t size,
                              size_t keep, size_t *read, pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__buffer *work = &d->states[step].work;
  size_t done = 0, begin, end;
  pome__buffer_reset(work);
  for (;; done = end) {
    POME__TRY(
        pome__pattern_next(&row->pattern, &d->matcher, data, size, done, &begin, &end, error));
    if (end == 0) break;
    put(work, data + done, begin - done);
    put(work, row->text.data, row->text.size);
  }
  size_t last = size - done > keep ? size - keep : done;
  while (last > done && last < size && pome__utf8_is_inside(data[last])) last--;
  put(work, data + done, last - done);
  *read = last;
  return POME_OK;
}

static pome_status feed_replace(pome__decoding *d, size_t step, const char *data, size_t size,
                                pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__decode_state *s = &d->states[step];
  size_t read, keep = row->fused && row->pattern.string.size > 0 ? row->pattern.string.size - 1 : 0;
  if (!row->fused) {
    POME__TRY(replace_in(d, step, data, size, 0, &read, error));
    return hand_on_work(d, step, error);
  }
  put(&s->held, data, size);
  if (s->held.failed || s->held.size == 0) return POME_OK;
  POME__TRY(replace_in(d, step, s->held.data, s->held.size, keep, &read, error));
  drop(&s->held, read);
  return hand_on_work(d, step, error);
}

/* ---- words ---- */

static void replace_all(pome__buffer *in, pome__buffer *out, const char *what, const char *with) {
  size_t size = strlen(what), done = 0;
  pome__buffer_reset(out);
  while (done < in->size) {
    const char *found = memmem(in->data + done, in->size - done, what, size);
    size_t end = found == NULL ? in->size : (size_t)(found - in->data);
    put(out, in->data + done, end - done);
    if (found != NULL) put(out, with, strlen(with));
    done = end + (found == NULL ? 0 : size);
  }
  pome__buffer swap = *in;
  *in = *out;
  *out = swap;
}

/* Spaces before punctuation and the like, in the order of the tokenizers library. */
static void clean_up(pome__decode_state *s) {
  static const char *const rules[][2] = {{" .", "."},     {" ?", "?"},           {" !", "!"},
                                         {" ,", ","},     {" ' ", "'"},          {" n't", "n't"},
                                         {" 'm", "'m"},   {" do not", " don't"}, {" 's", "'s"},
                                         {" 've", "'ve"}, {" 're", "'re"}};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
    if (s->work.size > 0 && memchr(s->work.data, ' ', s->work.size) != NULL)
      replace_all(&s->work, &s->held, rules[i][0], rules[i][1]);
  }
  pome__buffer_reset(&s->held);
}

static pome_status feed_wordpiece(pome__decoding *d, size_t step, const char *data, size_t size,
                                  pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__decode_state *s = &d->states[step];
  pome__buffer_reset(&s->work);
  if (s->tokens > 0) {
    bool inside = size >= row->text.size && memcmp(data, row->text.data, row->text.size) == 0;
    if (inside) data += row->text.size, size -= row->text.size;
    else put(&s->work, " ", 1);
  }
  s->tokens++;
  put(&s->work, data, size);
  if (row->clean) clean_up(s);
  return hand_on_work(d, step, error);
}

static pome_status feed_metaspace(pome__decoding *d, size_t step, const char *data, size_t size,
                                  pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__decode_state *s = &d->states[step];
  bool spaces = s->tokens++ > 0 || row->keep_first;
  pome__buffer_reset(&s->work);
  for (size_t at = 0, length; at < size; at += length) {
    bool space = row->text.size > 0 && size - at >= row->text.size &&
                 memcmp(data + at, row->text.data, row->text.size) == 0;
    length = space ? row->text.size : pome__utf8_length(data[at]);
    if (!space) put(&s->work, data + at, length);
    else if (spaces) put(&s->work, " ", 1);
  }
  return hand_on_work(d, step, error);
}

/* The mark that ends a word becomes a space, but goes at the end of the text: a token that has it
 * waits for the next one. */
static pome_status flush_bpe(pome__decoding *d, size_t step, const char *with, pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__decode_state *s = &d->states[step];
  pome__buffer_reset(&s->work);
  for (size_t at = 0; at < s->held.size;) {
    bool mark = s->held.size - at >= row->text.size &&
                memcmp(s->held.data + at, row->text.data, row->text.size) == 0;
    if (mark) put(&s->work, with, strlen(with));
    else put(&s->work, s->held.data + at, 1);
    at += mark ? row->text.size : 1;
  }
  pome__buffer_reset(&s->held);
  return s->work.size == 0 ? POME_OK : hand_on_work(d, step, error);
}

static pome_status feed_bpe(pome__decoding *d, size_t step, const char *data, size_t size,
                            pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__decode_state *s = &d->states[step];
  POME__TRY(flush_bpe(d, step, " ", error));
  bool waits = row->text.size > 0 && memmem(data, size, row->text.data, row->text.size) != NULL;
  if (!waits) return hand_on(d, step, data, size, error);
  put(&s->held, data, size);
  return POME_OK;
}

/* ---- all ---- */

pome_status pome__decode_feed(pome__decoding *d, size_t step, const char *data, size_t size,
                              pome_error *error) {
  if (step == d->decoder->count) {
    put(&d->out, data, size);
    return POME_OK;
  }
  const pome__decode_step *row = &d->decoder->steps[step];
  switch (row->kind) {
  case POME__DECODE_SPACED:
    if (d->states[step].tokens++ > 0) POME__TRY(hand_on(d, step, " ", 1, error));
    return hand_on(d, step, data, size, error);
  case POME__DECODE_BYTES: return feed_bytes(d, step, data, size, error);
  case POME__DECODE_BYTE_FALLBACK: return feed_byte_fallback(d, step, data, size, error);
  case POME__DECODE_STRIP:
    return row->fused ? strip_part(d, step, data, size, error)
                      : strip_token(d, step, data, size, error);
  case POME__DECODE_LEADING: return feed_leading(d, step, data, size, error);
  case POME__DECODE_REPLACE: return feed_replace(d, step, data, size, error);
  case POME__DECODE_METASPACE: return feed_metaspace(d, step, data, size, error);
  case POME__DECODE_WORDPIECE: return feed_wordpiece(d, step, data, size, error);
  case POME__DECODE_BPE: return feed_bpe(d, step, data, size, error);
  default: return hand_on(d, step, data, size, error);
  }
}

pome_status pome__decode_finish(pome__decoding *d, size_t step, pome_error *error) {
  const pome__decode_step *row = &d->decoder->steps[step];
  pome__decode_state *s = &d->states[step];
  size_t read;
  if (s->held.size == 0) return POME_OK;
  switch (row->kind) {
  case POME__DECODE_BYTES: take_characters(s, true); return hand_on_work(d, step, error);
  case POME__DECODE_BYTE_FALLBACK:
    return row->each ? flush_each(d, step, true, error) : flush_run(d, step, error);
  case POME__DECODE_BPE: return flush_bpe(d, step, "", error);
  case POME__DECODE_REPLACE:
    POME__TRY(replace_in(d, step, s->held.data, s->held.size, 0, &read, error));
    return hand_on_work(d, step, error);
  default: return POME_OK;
  }
}
